"""Checkpoints that say what they are, and their way back to a task without running code from the file."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import lightning as L
import torch
from lightning.pytorch.callbacks import Callback

from egotap_pl.core.batch import DataFacts
from egotap_pl.core.errors import EgotapError
from egotap_pl.core.skeleton import Skeleton
from egotap_pl.engine.allowlist import check_spec_of_file
from egotap_pl.engine.build import build

KEY = "egotap"
VERSION = 1


class About(NamedTuple):
    """What a checkpoint says of itself, as plain containers.

    Fields:
        task: spec of the task, to be called with `DataFacts`.
        skeleton: fields of the `Skeleton`.
        categories: names of the data set's motion categories.
        data: configuration of the data that it was trained on.
        data_fingerprint: fingerprint of those data.
        batch_size: of its training.
        seed: of its training.
        experiment: name of the preset.
    """

    task: dict[str, Any]
    skeleton: dict[str, Any]
    categories: list[str]
    data: dict[str, Any]
    data_fingerprint: str
    batch_size: int
    seed: int
    experiment: str

    def facts(self) -> DataFacts:
        """Of the data that it was trained on; the mean pose comes with the weights."""
        skeleton = Skeleton.from_dict(self.skeleton)
        return DataFacts(skeleton, tuple(self.categories), torch.zeros(len(skeleton.estimated), 3))


class WriteAbout(Callback):
    """Puts an `About` into every checkpoint."""

    def __init__(self, about: About) -> None:
        self.about = about

    def on_save_checkpoint(self, trainer: L.Trainer, task: L.LightningModule, checkpoint: dict[str, Any]) -> None:
        """Adds the entry."""
        checkpoint[KEY] = {"version": VERSION, **self.about._asdict()}


def read_checkpoint(path: Path) -> dict[str, Any]:
    """A checkpoint file's content: tensors and plain containers, nothing else is unpickled.

    Raises:
        EgotapError: if there is no such file, or it holds anything else.
    """
    if not path.is_file():
        raise EgotapError(f"{path}: no such checkpoint; give checkpoint=FILE, e.g. runs/.../checkpoints/best.ckpt")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, KeyError, ValueError) as error:
        first = next(iter(str(error).splitlines()), "it ends too early")
        raise EgotapError(f"{path} is no checkpoint of tensors and plain values, or it is damaged: {first}") from error
    if not isinstance(content, dict) or "state_dict" not in content:
        raise EgotapError(f"{path} is not a Lightning checkpoint: it has no state_dict")
    return content


def load_task(
    path: Path, trust: Sequence[str], categories: Sequence[str] | None = None
) -> tuple[L.LightningModule, About]:
    """The task of a checkpoint, with its weights: the only way from a file to objects, for every command.

    The checkpoint decides on the network and on plain values. It names no file that is read or written: neither its
    data nor the weights that its training began with are looked for.

    Args:
        path: a checkpoint that `egotap` wrote.
        trust: what its task may name beside the allowlist; see `egotap_pl.engine.allowlist.is_trusted`.
        categories: names of the motion categories that it will be tested on; None: those of its training.

    Raises:
        EgotapError: if the file is not one of ours, names a class from elsewhere, or its weights do not fit.
    """
    content = read_checkpoint(path)
    entry = content.get(KEY)
    if not isinstance(entry, dict) or entry.get("version") != VERSION:
        raise EgotapError(f"{path} was not written by this version of egotap: it says nothing of its task")
    try:
        about = About(**{name: entry[name] for name in About._fields})
    except KeyError as error:
        raise EgotapError(f"{path}: its description lacks {error}") from error
    spec = checked_task(about.task, trust, f"{path}: task")
    facts = about.facts()
    if categories is not None:
        facts = facts._replace(categories=tuple(categories))
    task: L.LightningModule = build(spec)(facts)
    load_weights(task, content["state_dict"], str(path))
    return task, about


def checked_task(task: dict[str, Any], trust: Sequence[str], origin: str) -> dict[str, Any]:
    """A task's spec as it is built when a checkpoint is loaded.

    It is without ``initialise``, which only a new training calls and which may name a file of weights.

    Args:
        task: the spec.
        trust: see `load_task`.
        origin: where the spec is from, for messages.

    Raises:
        EgotapError: if it names a class that a checkpoint may not name, or holds anything but plain values.
    """
    spec = {**task, "initialise": None} if "initialise" in task else task
    check_spec_of_file(spec, trust, origin)
    return spec


def load_part(module: torch.nn.Module, path: Path, prefix: str) -> None:
    """Load into a module the weights that stand under ``prefix.`` in a checkpoint; every one must fit."""
    state = read_checkpoint(path)["state_dict"]
    start = f"{prefix}."
    part = {name.removeprefix(start): value for name, value in state.items() if name.startswith(start)}
    load_weights(module, part, f"{path}, {prefix}")


def load_weights(module: torch.nn.Module, weights: dict[str, Any], origin: str) -> None:
    """Load weights of which every one must fit.

    Raises:
        EgotapError: if one does not; the message counts and names them.
    """
    own = module.state_dict()
    wrong = {
        "missing": sorted(own.keys() - weights.keys()),
        "unknown": sorted(weights.keys() - own.keys()),
        "of another shape": sorted(n for n in own.keys() & weights.keys() if own[n].shape != weights[n].shape),
    }
    if any(wrong.values()):
        told = (
            f"{len(names)} {kind} ({', '.join(names[:3])}{', ...' * (len(names) > 3)})"
            for kind, names in wrong.items()
            if names
        )
        raise EgotapError(f"{origin}: the weights do not fit: {'; '.join(told)}")
    module.load_state_dict(weights)
