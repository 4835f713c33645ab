"""Several augmentations, one after the other, and what they have in common."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from torch import Generator

from egotap_pl.core.batch import Batch
from egotap_pl.core.camera import StereoRig
from egotap_pl.core.errors import EgotapError
from egotap_pl.core.skeleton import Skeleton

Augmentation = Callable[[Batch, Generator], Batch]
"""Changes training batches on their device. All randomness comes from the generator.

One that also changes cached heatmaps, which batches may have in place of images, has a method ``check_heatmaps()``,
which raises an `EgotapError` if it cannot change those of its data. One that changes the earlier frames of windows
(`Batch.past`), too, all of a window alike, has a method ``check_windows()``, which need not do anything. One that
cannot change all frames may have a method ``check_frames(batch)``, which is called once with frames of its data and
raises an `EgotapError`. One that changes nothing but images may say so with an attribute ``images_alone = True``.
"""


class InTurn:
    """Applies several augmentations one after the other.

    Args:
        steps: augmentations, or factories of them (`made`).
        skeleton: passed to factories.
        rig: passed to factories.
    """

    def __init__(self, steps: Sequence[Any], skeleton: Skeleton | None = None, rig: StereoRig | None = None) -> None:
        self.steps = tuple(made(step, skeleton, rig) for step in steps)
        self.images_alone = all(getattr(step, "images_alone", False) for step in self.steps)

    def __call__(self, batch: Batch, generator: Generator) -> Batch:
        """Returns the batch after all steps."""
        for step in self.steps:
            batch = step(batch, generator)
        return batch

    def check_heatmaps(self) -> None:
        """Raises `EgotapError` if one of the steps cannot change cached heatmaps."""
        for step in self.steps:
            check_heatmaps(step)

    def check_windows(self) -> None:
        """Raises `EgotapError` if one of the steps changes the frames of a window in different ways."""
        for step in self.steps:
            check_windows(step)

    def check_frames(self, batch: Batch) -> None:
        """Raises `EgotapError` if one of the steps cannot change such frames."""
        for step in self.steps:
            check_frames(step, batch)


def made(augmentation: Any, skeleton: Skeleton | None, rig: StereoRig | None) -> Augmentation:
    """An augmentation of certain data.

    Args:
        augmentation: an augmentation, or a factory of one (``_partial_: true``), called with ``skeleton`` and ``rig``.
        skeleton: the skeleton of the data's poses.
        rig: its cameras.
    """
    return augmentation(skeleton=skeleton, rig=rig) if isinstance(augmentation, partial) else augmentation


def check_heatmaps(augmentation: Augmentation) -> None:
    """Refuses an augmentation for batches with cached heatmaps in place of images.

    Raises:
        EgotapError: if it cannot change these.
    """
    check = getattr(augmentation, "check_heatmaps", None)
    if check is None:
        raise EgotapError(
            f"{type(augmentation).__name__} changes images, and lifters learn from cached heatmaps: give "
            "heatmaps.cache=false, or augment the estimators' images instead (estimators.joint.augment=..., "
            "estimators.limb.augment=...)"
        )
    check()


def check_windows(augmentation: Any) -> None:
    """Refuses an augmentation for batches with earlier frames.

    Args:
        augmentation: the augmentation, or its class.

    Raises:
        EgotapError: if it changes the frames of a window in different ways.
    """
    check = getattr(augmentation, "check_windows", None)
    if check is None:
        name = getattr(augmentation, "__name__", type(augmentation).__name__)
        raise EgotapError(
            f"training.augment: {name} changes every frame in another way, and the frames of a window "
            "(data.window) must change alike; give augment=mirror, which does, or training.augment=null"
        )
    if not isinstance(augmentation, type):
        check()


def check_frames(augmentation: Augmentation, batch: Batch) -> None:
    """Refuses an augmentation for data that it cannot change.

    Args:
        augmentation: the augmentation.
        batch: frames of the data.

    Raises:
        EgotapError: if it cannot change these.
    """
    check = getattr(augmentation, "check_frames", None)
    if check is not None:
        check(batch)
