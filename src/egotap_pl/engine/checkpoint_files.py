"""A training's checkpoints as files: how they are written, and from which of them an interrupted training goes on."""

from __future__ import annotations

import io
import shutil
import zipfile
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins import TorchCheckpointIO

from egotap_pl.core.atomic import atomic
from egotap_pl.core.errors import EgotapError
from egotap_pl.core.messages import say
from egotap_pl.engine.checkpoints import read_checkpoint

FOLDER = "checkpoints"
BEST, LAST = "best.ckpt", "last.ckpt"
PREVIOUS = "previous.ckpt"
"""What ``last.ckpt`` was before it was written the last time."""


class CheckpointFiles(TorchCheckpointIO):
    """Writes a trainer's checkpoints: beside their place, to the disk, and then under their name.

    An earlier file of that name stays until then; an earlier ``last.ckpt`` becomes ``previous.ckpt``.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:
        """Write a checkpoint.

        Args:
            checkpoint: its content.
            path: the file.
            storage_options: Lightning's, for other storage than files; not used.

        Raises:
            EgotapError: if there is no room for it, or the folder cannot be written.
        """
        path, content = Path(path), io.BytesIO()
        torch.save(checkpoint, content)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with atomic(path) as temporary:
                temporary.write_bytes(content.getbuffer())
                if path.name == LAST and path.is_file():
                    path.replace(path.with_name(PREVIOUS))
        except OSError as error:
            raise EgotapError(
                f"{path} cannot be written: {error.strerror or error}; once it can, the same command goes on from the "
                "last checkpoint"
            ) from error


def checkpoint_path(path: Path) -> Path:
    """A checkpoint's file: the path itself, or the best checkpoint of the run whose folder it is."""
    return path / FOLDER / BEST if path.is_dir() else path


def mend_checkpoints(folder: Path, title: str) -> None:
    """Make sure that a training can begin or go on: its checkpoints are intact, or there are none.

    In the place of a damaged ``last.ckpt`` comes the one before it. Where that is damaged, too, or ``best.ckpt`` is,
    which the epochs that are left need not replace, all are removed: the training begins anew. The screen says so.

    Args:
        folder: of the training; nobody else works in it.
        title: what the training is called on the screen.

    Raises:
        EgotapError: if a file cannot be read at all, which says nothing of its content.
    """
    last, previous, best = (folder / FOLDER / name for name in (LAST, PREVIOUS, BEST))
    if not last.is_file() and not previous.is_file():
        return
    fault = _fault(last)
    if fault is not None and previous.is_file():
        if last.is_file():  # else it was interrupted between the two names
            say(f"{title}: {fault}; the checkpoint before it takes its place")
        previous.replace(last)
        fault = _fault(last)
    fault = fault or _fault(best)
    if fault is not None:
        say(f"{title}: {fault}; the training begins anew")
        shutil.rmtree(folder / FOLDER)


def _fault(path: Path) -> str | None:
    """What is wrong with a checkpoint, as a sentence, or None. `torch.load` does not look at the file's checksums."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return f"{path} is missing"
    except OSError as error:
        raise EgotapError(f"{path} cannot be read: {error.strerror or error}") from error
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            damaged = archive.testzip() is not None
        weights = read_checkpoint(path)["state_dict"].values()
    except Exception:  # a damaged archive fails in many ways
        return f"{path} is damaged"
    if damaged:
        return f"{path} is damaged"
    if any(value.is_floating_point() and bool(value.isnan().any()) for value in weights):
        return f"{path} has weights that are NaN"
    return None
