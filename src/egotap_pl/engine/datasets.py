"""From the configuration of a data set to its prepared data."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from egotap_pl.core.errors import EgotapError
from egotap_pl.core.messages import PROGRESS, say
from egotap_pl.data.datamodule import FrameDataModule
from egotap_pl.data.preparation.check import CheckReport, check
from egotap_pl.data.preparation.prepare import prepare
from egotap_pl.data.preparation.reports import skipped_path
from egotap_pl.data.preparation.shard import WHOLE, Shard
from egotap_pl.data.source import SPLITS, Concerned, Source
from egotap_pl.data.source_checks import identity_of
from egotap_pl.data.store.codec import Codec
from egotap_pl.data.store.paths import store_path
from egotap_pl.data.store.schema import fingerprint_of
from egotap_pl.engine.build import build
from egotap_pl.engine.own_cameras import unplaced_rig
from egotap_pl.engine.settings import DataSpec


class PreparedData(NamedTuple):
    """Prepared data on disk."""

    folder: Path
    """Folder with a frame store for each split."""

    fingerprint: str
    """Fingerprint of the frames."""


def ensure_data(
    data: DataSpec,
    root: Path,
    overwrite: bool = False,
    skip_damaged: bool = False,
    shard: Shard = WHOLE,
) -> PreparedData:
    """Prepare the configured data unless that was done before.

    Args:
        data: the data set. Without its source files, the stores in its folder are used as they are.
        root: folder of all prepared data (``paths.data``), each in a folder named after its fingerprint.
        overwrite: replace stores that have other settings, are damaged, or lack skipped frames.
        skip_damaged: skip frames that cannot be read and motions that are not on disk, instead of stopping.
        shard: the part of the work to do. Unless it is all of it, there are no stores yet afterwards.

    Returns:
        Where the data are, and their fingerprint.

    Raises:
        EgotapError: if source files are missing or damaged, or the folder contains other data.
    """
    if not data.has_source:
        return _existing_stores(data)
    source, codec, folder = _locate(data, root)
    if unplaced := unplaced_rig(data.source):
        say(f"warning: {unplaced}")
    if isinstance(source, Concerned):
        for concern in source.concerns():
            say(f"warning: {concern}")
    report = prepare(source, folder, codec, data.workers, overwrite, PROGRESS, skip_damaged, shard)
    frames = ", ".join(f"{split.frames} {split.split}" for split in report.splits)
    speed = f" at {report.frames_per_second:.0f} frames/s" if report.frames_per_second else ", already there"
    name = data.name if shard == WHOLE else f"{data.name}, shard {shard}"
    say(f"{name}: {frames} frames{speed}, {folder}")
    for split in report.splits:
        if split.skipped or split.missing:
            where = f", see {skipped_path(folder, split.split)}" if shard == WHOLE else ""
            say(f"{split.split}: {split.skipped} frames skipped, {split.missing} motions not on disk{where}")
        for doubt in split.doubts:
            say(f"warning: {doubt}")
    if shard != WHOLE:
        say("when all shards are done, run the same command without shard=... to join them")
    return PreparedData(folder, report.fingerprint)


def _existing_stores(data: DataSpec) -> PreparedData:
    """Prepared data whose source files are not available."""
    folder = folder_of_stores(data)
    module = FrameDataModule(folder, batch_size=1, workers=0)
    frames = ", ".join(f"{len(module.store(split))} {split}" for split in ("train", "validation", "test"))
    say(f"{data.name}: {frames} frames, used as they are, {folder}")
    return PreparedData(folder, module.fingerprint)


def folder_of_stores(data: DataSpec) -> Path:
    """The folder of prepared data whose source files are not available.

    Raises:
        EgotapError: if the configuration does not name it.
    """
    if data.folder is None:
        raise EgotapError(
            "data.root=null uses prepared stores as they are, and needs their folder: give data.folder=DIR, or "
            "data.root=DIR to prepare the data"
        )
    return data.folder


def are_prepared(data: DataSpec, root: Path) -> bool:
    """Whether the training frames of the configured data have a store, which may be one of other settings.

    Args:
        data: the data set.
        root: folder of all prepared data.
    """
    folder = _locate(data, root)[2] if data.has_source else folder_of_stores(data)
    return store_path(folder, "train").is_file()


def check_data(data: DataSpec, root: Path, shard: Shard = WHOLE) -> tuple[CheckReport, Path]:
    """Read all of the configured data and write a report of what is missing or damaged. No store is written.

    Args:
        data: the data set.
        root: folder of all prepared data. The report is written beside the folder that would hold these.
        shard: the part of the data to read.

    Returns:
        The report and its file.
    """
    source, _, folder = _locate(data, root)
    report = check(source, data.workers, PROGRESS, shard)
    name = "check" if shard == WHOLE else f"check-{shard.number}-of-{shard.count}"
    path = folder.with_name(f"{folder.name}.{name}.json")
    path.parent.mkdir(parents=True, exist_ok=True)
    report.write(path)
    return report, path


def check_split(split: str) -> None:
    """Check the name of a split.

    Raises:
        EgotapError: if there is no such split.
    """
    if split not in SPLITS:
        raise EgotapError(f"split={split}: must be one of: {', '.join(SPLITS)}")


def find_data(root: Path, fingerprint: str, folder: object = None) -> Path | None:
    """Find the folder of prepared data by their fingerprint; None if it is not there. Nothing is prepared.

    Args:
        root: folder of all prepared data (``paths.data``).
        fingerprint: ``dataset_fingerprint`` of a run's metrics and predictions.
        folder: where a run's configuration says that they were (``data.folder``), which is looked at first; None, or
            anything that is not a path: only those in ``root``. Checkpoints are given away: their paths are not used.
    """
    recorded = [Path(folder) / "test.h5"] if isinstance(folder, str) and folder else []
    for path in (*filter(Path.is_file, recorded), *sorted(root.glob("*/test.h5"))):
        try:
            if FrameDataModule(path.parent, batch_size=1, workers=0).fingerprint == fingerprint:
                return path.parent
        except EgotapError:  # a damaged store of some other data
            continue
    return None


def fingerprint_of_frames(data: DataSpec) -> str:
    """The fingerprint that the configured data would have. Nothing is prepared."""
    return fingerprint_of(identity_of(build(data.source)), build(data.codec))


def _locate(data: DataSpec, root: Path) -> tuple[Source[Any], Codec, Path]:
    """The source, the codec, and the folder of the stores."""
    source, codec = build(data.source), build(data.codec)
    name = f"{data.name}-{fingerprint_of(identity_of(source), codec)[:12]}"
    return source, codec, data.folder or root.absolute() / name
