"""From a data configuration to a prepared frame store."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from egotap_pl.core.errors import EgotapError
from egotap_pl.core.messages import PROGRESS, say
from egotap_pl.data.datamodule import FrameDataModule
from egotap_pl.data.preparation.check import CheckReport, check
from egotap_pl.data.preparation.prepare import prepare, skipped_path
from egotap_pl.data.preparation.shard import WHOLE, Shard
from egotap_pl.data.source import Source
from egotap_pl.data.store.codec import Codec
from egotap_pl.data.store.schema import fingerprint_of
from egotap_pl.engine.build import build
from egotap_pl.engine.settings import DataSpec


class PreparedData(NamedTuple):
    """Prepared data on disk."""

    folder: Path
    """With a frame store for each split."""

    fingerprint: str
    """Of the frames."""


def ensure_data(
    data: DataSpec,
    root: Path,
    overwrite: bool = False,
    skip_damaged: bool = False,
    shard: Shard = WHOLE,
) -> PreparedData:
    """Prepare the configured data unless they are there.

    Args:
        data: the data set. Without its source files, the stores in its folder are used as they are.
        root: where prepared data live, each in a folder named after its fingerprint.
        overwrite: see `prepare`.
        skip_damaged: see `prepare`.
        shard: see `prepare`; unless it is the whole, there are no stores afterwards.
    """
    if not data.has_source:
        return _as_it_is(data)
    source, codec, folder = _located(data, root)
    report = prepare(source, folder, codec, data.workers, overwrite, PROGRESS, skip_damaged, shard)
    frames = ", ".join(f"{split.frames} {split.split}" for split in report.splits)
    speed = f" at {report.frames_per_second:.0f} frames/s" if report.frames_per_second else ", already there"
    name = data.name if shard == WHOLE else f"{data.name}, shard {shard}"
    say(f"{name}: {frames} frames{speed}, {folder}")
    for split in report.splits:
        if split.skipped or split.missing:
            where = f", see {skipped_path(folder, split.split)}" if shard == WHOLE else ""
            say(f"{split.split}: {split.skipped} frames left out, {split.missing} motions not on disk{where}")
    if shard != WHOLE:
        say("when all shards are done, the same command without shard=... joins them")
    return PreparedData(folder, report.fingerprint)


def _as_it_is(data: DataSpec) -> PreparedData:
    """Prepared data whose source files are not at hand."""
    if data.folder is None:
        raise EgotapError("data.root=null: then say where the prepared stores are: data.folder=DIR; or give data.root")
    module = FrameDataModule(data.folder, batch_size=1, workers=0)
    frames = ", ".join(f"{len(module.store(split))} {split}" for split in ("train", "validation", "test"))
    say(f"{data.name}: {frames} frames, taken as they are, {data.folder}")
    return PreparedData(data.folder, module.fingerprint)


def check_data(data: DataSpec, root: Path, shard: Shard = WHOLE) -> tuple[CheckReport, Path]:
    """Reads everything that the configured data consist of and writes a report. No store is made.

    Args:
        data: see `ensure_data`.
        root: see `ensure_data`; the report is written beside the folder that the data would be prepared into.
        shard: the share of the pieces to read.

    Returns:
        The report and its file.
    """
    source, _, folder = _located(data, root)
    report = check(source, data.workers, PROGRESS, shard)
    name = "check" if shard == WHOLE else f"check-{shard.number}-of-{shard.count}"
    path = folder.with_name(f"{folder.name}.{name}.json")
    path.parent.mkdir(parents=True, exist_ok=True)
    report.write(path)
    return report, path


def find_data(root: Path, fingerprint: str) -> Path | None:
    """The folder of prepared data, found by their fingerprint; None if they are not there. Nothing is prepared.

    Args:
        root: where prepared data live (``paths.data``).
        fingerprint: ``dataset_fingerprint`` of a run's metrics and predictions.
    """
    for path in sorted(root.glob("*/test.h5")):
        try:
            if FrameDataModule(path.parent, batch_size=1, workers=0).fingerprint == fingerprint:
                return path.parent
        except EgotapError:  # another data set's trouble
            continue
    return None


def fingerprint_of_frames(data: DataSpec) -> str:
    """The fingerprint of the frames that the configured data would have; nothing is prepared."""
    return fingerprint_of(build(data.source).identity(), build(data.codec))


def _located(data: DataSpec, root: Path) -> tuple[Source[Any], Codec, Path]:
    """The source, the codec, and the folder of the stores."""
    source, codec = build(data.source), build(data.codec)
    name = f"{data.name}-{fingerprint_of(source.identity(), codec)[:12]}"
    return source, codec, data.folder or root.absolute() / name
