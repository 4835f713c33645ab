"""Takes, the pieces of EgoSynth: a subject performing a motion."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from egotap_pl.core.errors import EgotapError
from egotap_pl.data.source import SPLITS


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
