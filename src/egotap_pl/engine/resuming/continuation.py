"""A training with more epochs goes on from the same training with fewer, where that gives the same result."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.optim import SGD

from egotap_pl.core.errors import EgotapError
from egotap_pl.core.messages import say
from egotap_pl.engine.build import Spec, build
from egotap_pl.engine.checkpoints.files import BEST, FOLDER, LAST, CheckpointFiles
from egotap_pl.engine.checkpoints.loading import read_checkpoint
from egotap_pl.engine.resuming.history import History
from egotap_pl.engine.runs.finished import LOG
from egotap_pl.engine.stages import is_done
from egotap_pl.engine.training_specs import TrainingSpec

Find = Callable[[Spec], "Path | None"]
"""Finds the folder of the training with an identity."""


def continue_shorter(title: str, training: TrainingSpec, identity: Spec, folder: Path, find: Find) -> None:
    """Give a new training the last checkpoint of a finished one that differs from it in nothing but fewer epochs.

    The result is that of a training from the start, because both have the same learning rates up to there. The training
    starts anew, and a line on the screen says so, where the learning rates depend on the number of epochs, the finished
    training has gone back after a loss that was not finite, or its best or last checkpoint is damaged.

    Args:
        title: name of the training on the screen.
        training: the new training.
        identity: everything that determines its result.
        folder: its folder.
        find: finds the folder of an earlier training.
    """
    if (folder / FOLDER / LAST).is_file() or "schedule" not in training.task:
        return
    for epochs in range(training.epochs - 1, 0, -1):
        shorter = find({**identity, "epochs": epochs})
        if shorter is not None and is_done(shorter) and (shorter / FOLDER / LAST).is_file():
            _continue(title, training, epochs, shorter, folder)
            return


def _continue(title: str, training: TrainingSpec, epochs: int, shorter: Path, folder: Path) -> None:
    try:
        _, content = (read_checkpoint(shorter / FOLDER / name) for name in (BEST, LAST))
    except EgotapError as error:
        say(f"{title}: cannot go on from the {epochs} epochs of {shorter}: {error}; starting anew")
        return
    history = History.read(shorter)
    if history.returns:
        say(
            f"{title}: {shorter} has {epochs} of the {training.epochs} epochs, but went back after a loss that was not "
            "finite; starting anew"
        )
        return
    steps = content["global_step"]
    if content["epoch"] + 1 != epochs:  # it was ended early, e.g. by trainer.max_time
        return
    schedule, per_epoch = build(training.task["schedule"]), max(steps // epochs, 1)
    groups = content["optimizer_states"][0]["param_groups"]
    rates = [_Rates(schedule, groups, per_epoch * number, per_epoch) for number in (epochs, training.epochs)]
    if any(one != other for one, other in zip(rates[0].first(steps), rates[1].first(steps), strict=True)):
        say(
            f"{title}: {shorter} has {epochs} of the {training.epochs} epochs, but with other learning rates, since "
            f"these depend on the number of epochs; starting anew. init={shorter} would start from its weights"
        )
        return
    say(f"{title}: going on from the {epochs} epochs of {shorter}")
    for group, current in zip(groups, rates[1].optimizer.param_groups, strict=True):
        group["lr"] = current["lr"]  # the shorter training's schedule had come to its end
    (folder / FOLDER).mkdir(exist_ok=True)
    shutil.copyfile(shorter / FOLDER / BEST, folder / FOLDER / BEST)
    with suppress(FileNotFoundError):  # the result does not depend on it
        shutil.copyfile(shorter / LOG, folder / LOG)
    if history != History():  # the seed that it has after a collapse
        history.write(folder)
    longer = {**content, "lr_schedulers": [rates[1].schedule.state_dict()]}
    CheckpointFiles().save_checkpoint(longer, folder / FOLDER / LAST)


class _Rates:
    """The learning rates of a schedule, for an optimiser that trains nothing.

    Args:
        schedule: a `ScheduleFactory`.
        groups: the parameter groups of the optimiser's state.
        total_steps: steps of the whole training.
        per_epoch: steps of an epoch.
    """

    def __init__(self, schedule: Any, groups: list[dict[str, Any]], total_steps: int, per_epoch: int) -> None:
        parameters = [nn.Parameter(torch.zeros(())) for _ in groups]
        pairs = zip(parameters, groups, strict=True)
        self.optimizer = SGD([{"params": [p], "lr": group.get("initial_lr", group["lr"])} for p, group in pairs])
        self.schedule = schedule(self.optimizer, total_steps, per_epoch)

    def first(self, steps: int) -> Iterator[list[float]]:
        """The rates of the first steps."""
        for _ in range(steps):
            yield [group["lr"] for group in self.optimizer.param_groups]
            self.optimizer.step()
            self.schedule.step()
