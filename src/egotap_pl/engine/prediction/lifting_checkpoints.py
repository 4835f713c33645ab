"""Checkpoints of networks that estimate poses."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import egotap_pl
from egotap_pl.core.digest import sha256_of
from egotap_pl.core.errors import EgotapError
from egotap_pl.engine.checkpoints.loading import About, load_task
from egotap_pl.engine.prediction.pose_writer import PoseOrigin
from egotap_pl.tasks import LiftingTask


def load_lifting_task(checkpoint: Path, trust: Sequence[str]) -> tuple[LiftingTask, About]:
    """Load the task of a checkpoint that estimates poses.

    Raises:
        EgotapError: see `load_task`; also if the task estimates heatmaps.
    """
    task, about = load_task(checkpoint, trust)
    if not isinstance(task, LiftingTask):
        raise EgotapError(
            f"{checkpoint} is a {type(task).__name__}: it gives heatmaps, not poses; give the checkpoint of a lifter's "
            "run, which contains the estimators, too: runs/.../checkpoints/best.ckpt"
        )
    return task.eval(), about


def origin_of(checkpoint: Path, about: About) -> PoseOrigin:
    """The origin that is written to a pose file for poses of a checkpoint."""
    return PoseOrigin(
        skeleton=about.facts().skeleton,
        checkpoint=checkpoint.name,
        checkpoint_sha256=sha256_of(checkpoint),
        experiment=about.experiment,
        dataset=str(about.data["name"]),
        egotap_version=egotap_pl.__version__,
    )


def blind(checkpoint: Path) -> str:
    """The message for a checkpoint without estimators that is to read images."""
    return (
        f"{checkpoint} was trained on true heatmaps (heatmaps=truth): it has no estimators and cannot read images; "
        "give a checkpoint that was trained with heatmaps=estimated"
    )


def unplaced(checkpoint: Path) -> str:
    """The message for a checkpoint that reads the true origin where there is none."""
    return (
        f"{checkpoint} has to be given the true position of the pelvis (lifter/origin=truth), which images do not "
        "have: give a frame store, which has it (origin_cm), or a checkpoint trained with lifter/origin=estimated"
    )
