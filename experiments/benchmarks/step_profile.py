"""Where the time of a training step goes: arithmetic, copies, the optimiser, and what waits for Python.

    python experiments/benchmarks/step_profile.py experiment=quickstart
    python experiments/benchmarks/step_profile.py --training lifter -- scale=paper training.batch_size=2

The overrides are those of `egotap train`. For each training of the experiment, torch.profiler records a few steps on
random frames, on one thread. A row is the share of the time in operations of one kind. They are counted where they run,
not in the operation that calls them; the last row is the time in none of them.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter

import torch
from steps import TRAININGS, training_step
from torch.profiler import ProfilerActivity, profile

KINDS = {
    "convolutions, forward": ("convolution", "mkldnn_convolution", "thnn_conv", "slow_conv"),
    "convolutions, backward": ("convolution_backward", "mkldnn_convolution_backward"),
    "matrix products": ("mm", "addmm", "bmm", "baddbmm", "linear", "_scaled_dot_product"),
    "normalisation": ("batch_norm", "native_batch_norm", "layer_norm"),
    "copies and layouts": (
        "copy_",
        "cat",
        "clone",
        "contiguous",
        "_to_copy",
        "index_select",
        "stack",
        "fill_",
        "zero_",
    ),
    "optimiser": ("_fused_adam", "_foreach", "Optimizer"),
    "interpolation and pooling": ("upsample", "max_pool"),
}
"""Kinds of operations by the beginnings of their names; everything else is elementwise."""
REST, PYTHON = "elementwise and reductions", "Python, between operations"


def kind_of(name: str) -> str:
    name = name.removeprefix("aten::").removeprefix("native_")
    if name.startswith("Optimizer"):
        return "optimiser"
    if "convolution_backward" in name:
        return "convolutions, backward"
    return next((kind for kind, names in KINDS.items() if name.startswith(names)), REST)


def shares(training: str, steps: int, overrides: list[str]) -> tuple[dict[str, float], float]:
    """The share of each kind, and milliseconds a frame without the profiler."""
    step, frames = training_step(training, *overrides)
    step()
    begin = time.perf_counter()
    for _ in range(steps):
        step()
    ms = 1000 * (time.perf_counter() - begin) / (steps * frames)
    with profile(activities=[ProfilerActivity.CPU]) as recorded:
        begin = time.perf_counter()
        for _ in range(steps):
            step()
        whole = 1e6 * (time.perf_counter() - begin)
    times: Counter[str] = Counter()
    in_optimiser = [(e.time_range.start, e.time_range.end) for e in recorded.events() if e.name.startswith("Optimizer")]
    for event in recorded.events():
        start = event.time_range.start
        inside = any(first <= start <= last for first, last in in_optimiser)
        if event.name.startswith("aten::") or inside:
            times["optimiser" if inside else kind_of(event.name)] += event.self_cpu_time_total
    result = {kind: spent / whole for kind, spent in times.most_common()}
    return {**result, PYTHON: max(1 - sum(result.values()), 0.0)}, ms


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--training", nargs="+", default=list(TRAININGS), choices=TRAININGS)
    parser.add_argument("overrides", nargs="*", default=["experiment=quickstart"])
    args = parser.parse_args()
    torch.set_num_threads(1)
    print(f"torch {torch.__version__}, one thread, {' '.join(args.overrides)}")
    for training in args.training:
        result, ms = shares(training, args.steps, args.overrides)
        print(f"\n{training}: {ms:.1f} ms a frame")
        for kind, share in result.items():
            print(f"| {kind} | {share:.1%} |")


if __name__ == "__main__":
    main()
