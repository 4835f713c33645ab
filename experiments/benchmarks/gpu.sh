#!/usr/bin/env bash
# The comparison of networks on a GPU in one command, in less than ten minutes; writes a Markdown table.
#
#   experiments/benchmarks/gpu.sh                                   # the first GPU, the paper's sizes
#   DEVICE=cpu SIZE=smoke SECONDS_EACH=0.01 experiments/benchmarks/gpu.sh
#
# DEVICE: a torch device (cuda). SIZE: paper, tiny or smoke. OUTPUT: the file (gpu.md). MINUTES: no measurement begins
# after these (9). SECONDS_EACH: time of each measurement (1). COMPILE=0 leaves out torch.compile. PYTHON: python.
set -euo pipefail
folder="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
exec "${PYTHON:-python}" "$folder/gpu.py" \
    --device "${DEVICE:-cuda}" --scale "${SIZE:-paper}" --output "${OUTPUT:-gpu.md}" \
    --minutes "${MINUTES:-9}" --seconds "${SECONDS_EACH:-1}" --compile "${COMPILE:-1}"
