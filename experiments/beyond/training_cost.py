"""Error against cost of training: runs with more or fewer epochs, and the processor time of their steps.

    python experiments/beyond/training_cost.py work/data/egosynth-a1be598205b6 at_cost --picture training_cost.png

times training steps of each lifter on heatmaps of the data's first frames, on one thread, all lifters in turn. The cost
of a run is such a step's time for a frame, times the run's frames and epochs. That leaves out what all lifters need:
the estimators and their heatmaps, reading, validation. Runs of one preset and batch size are a curve, and must be
trained alike but for epochs and seed; those of all seeds are one of its points.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import torch
from matplotlib.figure import Figure
from rich import box
from rich.table import Table

import egotap_pl
from egotap_pl.analysis.runs import Run
from egotap_pl.analysis.statistics import Interval, seeds_interval
from egotap_pl.cli.configuration.presets import essentials
from egotap_pl.core.messages import print_whole
from egotap_pl.data.store.reader import FrameStore
from egotap_pl.figures.style import DPI, legend_below, log_x, looks, page, style_axis
from egotap_pl.report.tables.cells import mean_cell
from egotap_pl.tasks import LiftingTask
from egotap_pl.tasks.optimisation import fuse

_WARM_UP = 4  # steps that are not counted


class Curve(NamedTuple):
    """A lifter and how it is trained, but for the number of epochs."""

    experiment: str
    batch_size: int


class Point(NamedTuple):
    """Runs that differ in their seed alone."""

    epochs: int
    seconds: float
    """Processor time of the training's steps."""
    mpjpe: Interval
    pa_mpjpe: Interval


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", help="folder of prepared data, on whose frames steps are timed")
    parser.add_argument("runs", nargs="+", type=Path, help="folders of runs of lifters that read heatmaps")
    parser.add_argument("--steps", type=int, default=24, help="timed steps of each lifter")
    parser.add_argument("--picture", type=Path, help="where to draw the curves")
    given = parser.parse_args()
    torch.set_num_threads(1)
    groups = grouped(egotap_pl.gather_runs(*given.runs).runs)
    store = egotap_pl.open_store(given.data, "train")
    frame_ms = timed(
        {curve: next(iter(of_epochs.values()))[0] for curve, of_epochs in groups.items()}, store, given.steps
    )
    curves = {
        curve: [point(epochs, runs, frame_ms[curve]) for epochs, runs in sorted(of_epochs.items())]
        for curve, of_epochs in groups.items()
    }
    print_whole(table(curves, frame_ms))
    if given.picture is not None:
        picture(curves).savefig(given.picture, dpi=DPI)


def grouped(runs: Sequence[Run]) -> dict[Curve, dict[int, list[Run]]]:
    """Runs by what they train, and then by epochs.

    Raises:
        SystemExit: if runs of one preset and batch size differ in more than epochs and seed.
    """
    groups: dict[Curve, dict[int, list[Run]]] = defaultdict(lambda: defaultdict(list))
    first: dict[Curve, Run] = {}
    for run in runs:
        curve = Curve(run.experiment, run.setting("training.batch_size"))
        if trained(run) != trained(first.setdefault(curve, run)):
            raise SystemExit(
                f"{first[curve].folder} and {run.folder} differ in more than epochs and seed: give one of them"
            )
        groups[curve][run.setting("training.epochs")].append(run)
    return groups


def trained(run: Run) -> dict[str, Any]:
    """How a run was trained, but for epochs and seed."""
    settings = essentials(run.settings)
    training = {key: value for key, value in settings["training"].items() if key not in ("epochs", "seed")}
    return {**settings, "training": training, "seed": None}


def timed(runs: dict[Curve, Run], store: FrameStore, count: int) -> dict[Curve, float]:
    """Processor time of a training step for a frame in milliseconds, the median of a number of steps."""
    steps = {curve: stepper(run, store, curve.batch_size) for curve, run in runs.items()}
    spent: dict[Curve, list[float]] = defaultdict(list)
    for _ in range(_WARM_UP + count):
        for curve, step in steps.items():
            begin = time.process_time()
            step()
            spent[curve].append(time.process_time() - begin)
    return {curve: 1000 * median(of[_WARM_UP:]) / curve.batch_size for curve, of in spent.items()}


def stepper(run: Run, store: FrameStore, batch_size: int) -> Callable[[], None]:
    """A function that takes one step in the training of a run's lifter, from the weights that it ended with."""
    task = egotap_pl.load_task(run.folder)
    if not isinstance(task, LiftingTask) or not task.reads_heatmaps:
        raise SystemExit(f"{run.folder}: not a run of a lifter that reads heatmaps of finished estimators")
    batch = store.read([row % len(store) for row in range(batch_size)])
    with torch.no_grad():
        batch = batch._replace(heatmaps=task.maps(batch))
    task.train()
    vars(task)["log_dict"] = lambda *_, **__: None  # no trainer
    optimizer = task._optimizer([p for p in task.parameters() if p.requires_grad])
    fuse(optimizer)
    clip = run.setting("training.gradient_clip")

    def step() -> None:
        optimizer.zero_grad()
        task.training_step(batch, 0).backward()
        if clip:
            torch.nn.utils.clip_grad_norm_(task.parameters(), clip)
        optimizer.step()

    return step


def point(epochs: int, runs: Sequence[Run], frame_ms: float) -> Point:
    """The cost of runs and their errors in mm."""
    seconds = frame_ms / 1000 * runs[0].setting("data.frames.train") * epochs
    mpjpe, pa_mpjpe = (seeds_interval([run.metrics[name] for run in runs]) for name in ("mpjpe", "pa_mpjpe"))
    return Point(epochs, seconds, mpjpe, pa_mpjpe)


def table(curves: dict[Curve, list[Point]], frame_ms: dict[Curve, float]) -> Table:
    """A row for each point."""
    names = ("experiment", "batch", "ms a frame", "epochs", "training s", "runs", "MPJPE mm", "PA-MPJPE mm")
    drawn = Table(*names, box=box.MARKDOWN)
    for curve, points in curves.items():
        for at in points:
            how = (curve.experiment, str(curve.batch_size), f"{frame_ms[curve]:.2f}")
            errors = (mean_cell(at.mpjpe, 1).text, mean_cell(at.pa_mpjpe, 1).text)
            drawn.add_row(*how, str(at.epochs), f"{at.seconds:.0f}", str(at.mpjpe.n), *errors)
    return drawn


def picture(curves: dict[Curve, list[Point]]) -> Figure:
    """Error against processor time of training, a line for each lifter."""
    figure = page(3.4)
    axis = figure.subplots()
    style_axis(axis, "processor time of training steps (s)", "MPJPE (mm)")
    for (curve, points), look in zip(curves.items(), looks(len(curves)), strict=True):
        means = [at.mpjpe.mean for at in points]
        ends = [at.mpjpe.high - at.mpjpe.mean if at.mpjpe.n > 1 else 0 for at in points]
        label = f"{curve.experiment}, batches of {curve.batch_size}"
        axis.errorbar([at.seconds for at in points], means, ends, color=look.color, marker=look.marker, label=label)
    log_x(axis)
    legend_below(figure, axis)
    return figure


if __name__ == "__main__":
    main()
