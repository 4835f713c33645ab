"""Takes, the pieces of EgoSynth: a subject performing a motion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from egotap_pl.core.categories import CATEGORIES
from egotap_pl.core.errors import EgotapError
from egotap_pl.data.source import SPLITS
from egotap_pl.synth.motion.source import MotionSource


@dataclass(frozen=True)
class Take:
    """A subject performing a motion: a piece of EgoSynth."""

    split: str
    """Name of its split."""

    number: int
    """Its place in the split, from 0."""

    frames: int
    """Number of frames rendered of the motion."""

    motion: str
    """Name of the motion."""

    subject: str
    """Name of the subject."""

    @property
    def key(self) -> str:
        """Name of the piece, unique within its split."""
        return f"{self.number:06d}"

    def check_length(self, frames: int) -> None:
        """Make sure that its motion, which has a number of frames, is long enough.

        Raises:
            EgotapError: if it is not.
        """
        if self.frames > frames:
            raise EgotapError(
                f"motion {self.motion} has {frames} frames, and {self.frames} are to be rendered of it: make "
                "EgoSynth's frames_per_take smaller, or null for whole motions"
            )


def check_sizes(
    frames: Mapping[str, int], subjects: Mapping[str, int], image_px: int, frames_per_take: int | None
) -> None:
    """Check the sizes of a data set.

    Args:
        frames: number of frames of each split.
        subjects: number of people in each split.
        image_px: height and width of the images.
        frames_per_take: frames rendered of a motion; None: all.

    Raises:
        EgotapError: if one is out of range.
    """
    for name, counts in (("frames", frames), ("subjects", subjects)):
        if set(counts) != set(SPLITS) or any(count < 1 for count in counts.values()):
            raise EgotapError(
                f"EgoSynth's {name} must be at least 1 for each of {', '.join(SPLITS)}, not {dict(counts)}"
            )
    if image_px < 8 or image_px % 8:
        raise EgotapError(f"EgoSynth's image_px must be a multiple of 8, not {image_px}")
    if frames_per_take is not None and frames_per_take < 1:
        raise EgotapError(f"EgoSynth's frames_per_take must be at least 1, not {frames_per_take}")


def divided(sources: Sequence[MotionSource], seed: int) -> dict[str, list[list[str]]]:
    """Names of the motions of each split, category by category.

    Args:
        sources: sources of motions.
        seed: seed of the division.

    Raises:
        EgotapError: if a category has fewer motions than there are splits, or two motions of one name.
    """
    by_category: dict[str, list[str]] = {category: [] for category in CATEGORIES}
    for source in sources:
        for name in source.motions():
            by_category[source.category(name)].append(name)
    pools: dict[str, list[list[str]]] = {split: [] for split in SPLITS}
    for index, (category, names) in enumerate(by_category.items()):
        order = np.random.default_rng(np.random.SeedSequence((seed, 99, index))).permutation(len(names))
        for split, pool in zip(SPLITS, _divided(category, names, order.tolist()), strict=True):
            pools[split].append(pool)
    return pools


def _divided(category: str, names: Sequence[str], order: Sequence[int]) -> tuple[list[str], list[str], list[str]]:
    """The motions of a category in train, validation and test.

    Args:
        category: the category.
        names: names of its motions.
        order: a random order of them.
    """
    if len(names) < len(SPLITS):
        raise EgotapError(
            f"EgoSynth's motion sources have {len(names)} motions of category {category!r}, but each of the "
            f"{len(SPLITS)} splits needs one. Add a source, or raise per_category of `ProceduralMotions`."
        )
    if len(set(names)) != len(names):
        raise EgotapError(
            f"EgoSynth's motion sources have two motions of category {category!r} with the same name: remove one "
            "of the sources"
        )
    shuffled = [names[i] for i in order]
    held_out = max(1, round(len(names) * 0.15))
    return shuffled[2 * held_out :], shuffled[:held_out], shuffled[held_out : 2 * held_out]
