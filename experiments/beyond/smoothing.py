"""How much of a temporal lifter's gain a filter has: poses of finished runs, smoothed and measured anew.

python experiments/beyond/smoothing.py runs      # a folder with runs on whole motions (data=egosynth_motions)

The filter is an exponential moving average, causal as the lifters are: weight w of the frame, 1 - w of what the filter
gave for the frame before. Weight 1 leaves the poses as they are.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from rich import box
from rich.table import Table
from scipy.signal import lfilter

import egotap_pl
from egotap_pl.analysis.predictions import Predictions
from egotap_pl.core.messages import print_whole
from egotap_pl.metrics import MotionMetrics
from egotap_pl.metrics.motion import consecutive, frame_stride

WEIGHTS = (1.0, 0.7, 0.5, 0.3)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", type=Path, help="folders of runs")
    runs = egotap_pl.gather_runs(*parser.parse_args().runs).runs
    moving = [run for run in runs if "mpjve" in run.metrics]
    if not moving:
        parser.error("none of these runs was tested on whole motions: train with data=egosynth_motions")
    errors = defaultdict(list)
    for run in moving:
        for weight in WEIGHTS:
            errors[run.experiment, weight].append(measured(smoothed(run.predictions, weight)))
    print_whole(errors_table(errors))


def smoothed(predictions: Predictions, weight: float) -> Predictions:
    """Poses after the filter, which begins anew where frames are not consecutive."""
    motion, number = codes(predictions)
    stride = frame_stride(motion, number)
    assert stride is not None, "frames of whole motions"
    joined = consecutive(motion, number, stride, 1).numpy()
    pieces = np.split(predictions.pose_cm, 1 + np.flatnonzero(~joined))
    return replace(predictions, pose_cm=np.concatenate([filtered(piece, weight) for piece in pieces]))


def filtered(pose_cm: Float[np.ndarray, "n j 3"], weight: float) -> Float[np.ndarray, "n j 3"]:
    """Consecutive poses after the filter, which begins at the first."""
    result, _ = lfilter([weight], [1, weight - 1], pose_cm, axis=0, zi=(1 - weight) * pose_cm[:1])
    return result.astype(pose_cm.dtype)


def codes(predictions: Predictions) -> tuple[torch.Tensor, torch.Tensor]:
    """A number for the motion of each frame, and the frame's number in it."""
    _, motion = np.unique(predictions.motion, return_inverse=True)
    return torch.from_numpy(motion), torch.from_numpy(np.asarray(predictions.frame_number))


def measured(predictions: Predictions) -> tuple[float, float, float]:
    """MPJPE (mm), MPJVE (mm/frame), jitter (mm/frame^3)."""
    metric = MotionMetrics(predictions.skeleton.estimated_names, [])
    motion, number = codes(predictions)
    pose_cm, truth_cm = torch.from_numpy(predictions.pose_cm), torch.from_numpy(predictions.truth_cm)
    metric.update(pose_cm, truth_cm, torch.zeros_like(motion), motion, number)
    movement = metric.compute()
    return float(np.nanmean(predictions.error_mm)), movement["mpjve"], movement["jitter"]


def errors_table(errors: dict[tuple[str, float], list[tuple[float, float, float]]]) -> Table:
    """Means over runs, and their standard deviations where there are several."""
    names = ("experiment", "weight", "runs", "MPJPE mm", "MPJVE mm/frame", "jitter mm/frame^3")
    table = Table(*names, box=box.MARKDOWN)
    for (experiment, weight), values in errors.items():
        columns = [cell(column) for column in zip(*values, strict=True)]
        table.add_row(experiment, f"{weight:g}", str(len(values)), *columns)
    return table


def cell(values: Sequence[float]) -> str:
    return f"{np.mean(values):.1f}" + (f" ± {np.std(values, ddof=1):.1f}" if len(values) > 1 else "")


if __name__ == "__main__":
    main()
