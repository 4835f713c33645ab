"""What a preparation did, and the report of the frames that it skipped."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from egotap_pl.core.atomic import atomic
from egotap_pl.data.source import SkippedFrame


@dataclass(frozen=True)
class SplitReport:
    """What `prepare` did for one split."""

    split: str
    """Name of the split."""

    frames: int
    """Frames in its store, or in this shard's parts."""

    skipped: int
    """Skipped frames."""

    missing: int
    """Motions in its list that are not on disk."""

    read: int
    """Frames that this job read or rendered; the others were already there."""

    seconds: float
    """Time that this job spent on the split."""

    doubts: tuple[str, ...] = ()
    """What is doubtful about the frames, if this job made the store; see `egotap_pl.data.preparation.doubts`."""


@dataclass(frozen=True)
class PrepareReport:
    """What `prepare` did."""

    folder: Path
    """Folder of the stores."""

    fingerprint: str
    """Fingerprint of the data set: that of the stores, unless frames were skipped as damaged (`data_fingerprint`)."""

    splits: tuple[SplitReport, ...]
    """A report for every split."""

    @property
    def frames_per_second(self) -> float:
        """Speed of this job, including writing; 0 if everything was already there."""
        seconds = sum(split.seconds for split in self.splits if split.read)
        return sum(split.read for split in self.splits) / seconds if seconds else 0.0


def skipped_path(folder: Path | str, split: str) -> Path:
    """The report of a split's skipped frames and missing motions: one JSON object per line."""
    return Path(folder) / f"skipped-{split}.jsonl"


def write_skipped(path: Path, skipped: Sequence[SkippedFrame], missing: Sequence[str]) -> None:
    """Writes the report of what a split lacks, or removes it if the split lacks nothing.

    Args:
        path: the report (`skipped_path`).
        skipped: skipped frames.
        missing: names of motions that are not on disk.
    """
    if not skipped and not missing:
        path.unlink(missing_ok=True)
        return
    with atomic(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        for motion in missing:
            file.write(json.dumps({"motion": motion, "reason": "not on disk"}) + "\n")
        for frame in skipped:
            file.write(frame.to_json() + "\n")
