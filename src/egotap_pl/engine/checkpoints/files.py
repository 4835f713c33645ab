"""A training's checkpoint files: how they are written, and which one an interrupted training resumes from."""

from __future__ import annotations

import io
import shutil
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins import TorchCheckpointIO
from lightning.pytorch.callbacks import ModelCheckpoint
from torch import Tensor

from egotap_pl.core.atomic import atomic
from egotap_pl.core.disks import raise_if_disk_fails
from egotap_pl.core.errors import EgotapError
from egotap_pl.core.messages import say
from egotap_pl.engine.checkpoints.loading import read_checkpoint
from egotap_pl.engine.checkpoints.sources import find_weights

FOLDER = "checkpoints"
BEST, LAST = "best.ckpt", "last.ckpt"
PREVIOUS = "previous.ckpt"
"""The ``last.ckpt`` before the current one."""


class CheckpointFiles(TorchCheckpointIO):
    """Writes a trainer's checkpoints under a temporary name, flushes them to the disk, then renames them.

    An earlier file of the same name stays until then. An earlier ``last.ckpt`` becomes ``previous.ckpt``.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:
        """Write a checkpoint.

        Args:
            checkpoint: its content.
            path: the file.
            storage_options: not used; Lightning's options for remote storage.

        Raises:
            OSError: if the file cannot be written, e.g. because the disk is full; the error has the path. The last
                checkpoint stays.
        """
        path, content = Path(path), io.BytesIO()
        torch.save(checkpoint, content)
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic(path) as temporary:
            temporary.write_bytes(content.getbuffer())
            if path.name == LAST and path.is_file():
                path.replace(path.with_name(PREVIOUS))


class EpochCheckpoint(ModelCheckpoint):
    """Lightning's callback that writes checkpoints, for folders that may be moved between two starts.

    Lightning's own forgets the best epoch's error when the folder has another path, and then takes the first epoch
    after the start for the best one.
    """

    @property
    def state_key(self) -> str:
        """The key of its state in checkpoints: that of Lightning's own class, as in those of earlier versions."""
        return super().state_key.replace(type(self).__qualname__, ModelCheckpoint.__qualname__, 1)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Load the state, with the paths of files in the current folder."""
        folder = Path(str(self.dirpath))

        def here(path: Any) -> str:
            return str(folder / Path(str(path)).name) if path else ""

        paths = {key: here(value) for key, value in state_dict.items() if key.endswith("_model_path")}
        best = {here(path): score for path, score in state_dict.get("best_k_models", {}).items()}
        super().load_state_dict({**state_dict, **paths, "best_k_models": best, "dirpath": self.dirpath})


def checkpoint_path(source: Path | str) -> Path:
    """The file of a checkpoint that a user names.

    Args:
        source: see `egotap_pl.engine.checkpoints.sources.find_weights`. For a run's folder, its best checkpoint is
            used.

    Raises:
        EgotapError: if it is a name or an address, and there is no such checkpoint, or a folder without a best one.
    """
    path = find_weights(source)
    if not path.is_dir():
        return path
    best = path / FOLDER / BEST
    if not best.is_file():
        raise EgotapError(
            f"{path} is a folder, but not of a run with a checkpoint: it has no {FOLDER}/{BEST}; give a run's folder, "
            "e.g. runs/EXPERIMENT/DATA/NAME, or a checkpoint file"
        )
    return best


def mend_checkpoints(folder: Path, title: str) -> None:
    """Make sure that a training can start or resume: afterwards its checkpoints are intact, or there are none.

    A damaged ``last.ckpt`` is replaced by the one before it. If that is damaged too, or ``best.ckpt`` is, all
    checkpoints are removed and the training starts over: the remaining epochs might never write another
    ``best.ckpt``. A line on the screen says so. Before the first validation there is no ``best.ckpt``.

    Args:
        folder: the training's; no other process works in it.
        title: name of the training on the screen.

    Raises:
        EgotapError: if a file cannot be read, e.g. for lack of rights, so that nothing is known about its content.
        OSError: if the disk fails.
    """
    last, previous, best = (folder / FOLDER / name for name in (LAST, PREVIOUS, BEST))
    if not last.is_file() and not previous.is_file():
        return
    fault = _fault(last)
    if fault is not None and previous.is_file():
        if last.is_file():  # otherwise the process was killed between the two renames
            say(f"{title}: {fault}; using the checkpoint before it")
        previous.replace(last)
        fault = _fault(last)
    if fault is None and _has_best(last):
        fault = _fault(best)
    if fault is not None:
        say(f"{title}: {fault}; the training starts over")
        shutil.rmtree(folder / FOLDER)


def _has_best(last: Path) -> bool:
    """Whether a training had a best epoch when it wrote a checkpoint."""
    callbacks = read_checkpoint(last).get("callbacks", {}).values()
    keepers = [state for state in callbacks if isinstance(state, dict) and "best_model_path" in state]
    return any(state["best_model_path"] for state in keepers if state["monitor"] is not None) or not keepers


def _fault(path: Path) -> str | None:
    """What is wrong with a checkpoint, as a sentence, or None."""
    try:
        path.read_bytes()
    except FileNotFoundError:
        return f"{path} is missing"
    except OSError as error:
        raise_if_disk_fails(error, path)
        raise EgotapError(f"{path} cannot be read: {error.strerror or error}") from error
    try:
        weights = [value for value in read_checkpoint(path)["state_dict"].values() if isinstance(value, Tensor)]
    except (EgotapError, AttributeError):
        return f"{path} is damaged"
    if any(value.is_floating_point() and bool(value.isnan().any()) for value in weights):
        return f"{path} has weights that are NaN"
    return None
