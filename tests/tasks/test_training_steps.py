"""No training step corrupts memory: each is taken on one thread, in a process that checks its heap."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from training_steps import WIDTHS, presets

PROGRAM = Path(__file__).with_name("training_steps.py")


@pytest.mark.slow
@pytest.mark.parametrize(("instructions", "part"), [("AVX2", "all"), ("DEFAULT", "networks")])
def test_one_thread_trains_every_preset_and_narrow_networks(instructions: str, part: str) -> None:
    """oneDNN chooses its code by the processor: once as on one with AVX2 only, once as on this one."""
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "ONEDNN_MAX_CPU_ISA": instructions,
        "MALLOC_CHECK_": "3",  # what glibc has to notice damage early
        "MALLOC_PERTURB_": "165",
    }
    command = [sys.executable, "-X", "faulthandler", str(PROGRAM), part]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=400)
    steps = done.stdout.splitlines()
    assert done.returncode == 0, f"after the step {steps[-1:]}: {done.stderr}"
    trained = {step.split(":")[0] for step in steps}
    assert trained >= {f"width {width}" for width in WIDTHS}
    if part == "all":
        assert trained >= set(presets())
