"""Whether a finished stage's or run's files still are what was written."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from egotap_pl.analysis.predictions import Predictions
from egotap_pl.core.disks import raise_if_disk_fails
from egotap_pl.core.errors import EgotapError
from egotap_pl.core.hdf5 import Hdf5File
from egotap_pl.engine.checkpoints.files import BEST, FOLDER
from egotap_pl.engine.checkpoints.loading import read_checkpoint

DONE = "done.json"
"""File in a folder whose work is finished."""
METRICS, PREDICTIONS, LOG = "metrics.json", "predictions.h5", "metrics.csv"
TRAINED = (f"{FOLDER}/{BEST}", METRICS)
"""The files that every finished training has."""
_FILES = (*TRAINED, PREDICTIONS, LOG)
_BLOCK = 2**22


def checksums(folder: Path) -> dict[str, dict[str, int]]:
    """Size and CRC-32 of the files that a training has written, for its done.json."""
    return {name: _checksum(folder / name) for name in _FILES if (folder / name).is_file()}


def read_done(folder: Path) -> Mapping[str, Any] | None:
    """The content of a folder's done.json; None if the work is not finished, or the file is damaged.

    Raises:
        OSError: if the disk fails.
    """
    try:
        content = json.loads((folder / DONE).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise_if_disk_fails(error, folder / DONE)
        return None
    return content if isinstance(content, dict) else None


def faults(folder: Path, results: tuple[str, ...]) -> Iterator[tuple[Path, str]]:
    """The files of a finished stage or run that are missing or are not what was written, with what is wrong.

    Folders of earlier versions have no checksums: their files only have to be readable.

    Args:
        folder: the folder.
        results: the files that it must have.
    """
    recorded = (read_done(folder) or {}).get("files", {})
    recorded = recorded if isinstance(recorded, dict) else {}
    for name in dict.fromkeys((*results, *_FILES)):
        is_expected = name in results or name in recorded or (name == PREDICTIONS and (folder / name).exists())
        if is_expected and (fault := _fault(folder / name, recorded.get(name))) is not None:
            yield folder / name, fault


def _fault(path: Path, recorded: Any) -> str | None:
    if not path.is_file():
        return "is missing"
    if recorded is not None:
        return None if _checksum(path) == recorded else "is not what was written"
    try:
        _read(path)
    except (EgotapError, ValueError, RecursionError):
        return "is damaged"
    return None


def _read(path: Path) -> None:
    if path.suffix == ".ckpt":
        read_checkpoint(path)
    elif path.suffix == ".json":
        if not isinstance(json.loads(path.read_text(encoding="utf-8")), dict):
            raise ValueError
    elif path.name == PREDICTIONS:
        Predictions.read(path)
    elif path.suffix == ".h5":  # heatmaps are too large to be read here; their checksums are compared at reading
        Hdf5File(path, "").close()


def _checksum(path: Path) -> dict[str, int]:
    crc32, size = 0, 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            crc32, size = zlib.crc32(block, crc32), size + len(block)
    return {"bytes": size, "crc32": crc32}
