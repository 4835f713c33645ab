"""Checkpoints that describe themselves, and how they become tasks again without running code from the file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias, TypeGuard

import lightning as L
import torch
from lightning.pytorch.callbacks import Callback
from torch import Tensor

from egotap_pl.core.batch import DataFacts
from egotap_pl.core.camera import StereoRig
from egotap_pl.core.disks import raise_if_disk_fails
from egotap_pl.core.errors import EgotapError
from egotap_pl.core.skeleton import Skeleton
from egotap_pl.core.torch_files import reason_of
from egotap_pl.engine.build import Spec
from egotap_pl.engine.checkpoints.allowlist import check_spec_of_file
from egotap_pl.engine.checkpoints.limits import build_task, check_archive, check_weights

KEY = "egotap"
VERSION = 1
Content: TypeAlias = Mapping[str, Any]
"""Content of a checkpoint file: ``state_dict``, ``epoch``, ``global_step`` ..., and under `KEY` an `About`."""
MAX_NAMES = 1000
"""Largest number of joints, and of motion categories, that a checkpoint may name."""


class About(NamedTuple):
    """A checkpoint's description of itself, as plain containers."""

    task: Spec
    """Spec of the task, to be called with `DataFacts`."""

    skeleton: Spec
    """Fields of the `Skeleton`."""

    categories: list[str]
    """Names of the data set's motion categories."""

    data: Spec
    """Configuration of the data that it was trained on."""

    data_fingerprint: str
    """Fingerprint of those data; empty if unknown."""

    batch_size: int
    """Frames in a batch of its training, over all devices."""

    seed: int
    """Seed of its training."""

    experiment: str
    """Name of the preset."""

    rig: Spec | None = None
    """The cameras of the data, as `StereoRig.to_dict` gives them; None in checkpoints of earlier versions."""

    def facts(self) -> DataFacts:
        """What its task may know about the data that it was trained on. The mean pose comes with the weights."""
        skeleton = Skeleton.from_dict(self.skeleton)
        rig = None if self.rig is None else StereoRig.from_dict(self.rig)
        return DataFacts(skeleton, tuple(self.categories), torch.zeros(len(skeleton.estimated), 3), rig)


class WriteAbout(Callback):
    """Adds an `About` to every checkpoint."""

    def __init__(self, about: About) -> None:
        self.about = about

    def on_save_checkpoint(self, trainer: L.Trainer, task: L.LightningModule, checkpoint: dict[str, Any]) -> None:
        """Adds the entry."""
        checkpoint[KEY] = {"version": VERSION, **self.about._asdict()}


def read_checkpoint(path: Path) -> Content:
    """Read a checkpoint file: tensors and plain containers. Nothing else is unpickled.

    Raises:
        EgotapError: if there is no such file, or it contains anything else.
        OSError: if the disk fails.
    """
    if not path.is_file():
        raise EgotapError(f"{path}: no such checkpoint; give checkpoint=FILE, e.g. runs/.../checkpoints/best.ckpt")
    try:
        check_archive(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
    except EgotapError:
        raise
    except Exception as error:  # a damaged archive or pickle can end in an error of almost any kind
        raise_if_disk_fails(error, path)
        raise EgotapError(
            f"{path} is not a checkpoint of tensors and plain values, or it is damaged: {reason_of(error)}"
        ) from error
    if not isinstance(content, dict) or "state_dict" not in content:
        raise EgotapError(f"{path} is not a Lightning checkpoint: it has no state_dict")
    return content


def about_of(content: Content, path: Path) -> About:
    """A checkpoint's description of itself, with every field checked.

    Args:
        content: see `read_checkpoint`.
        path: the file, for messages.

    Raises:
        EgotapError: if the file was not written by this version, or a field is missing or of the wrong type.
    """
    entry = content.get(KEY)
    if not isinstance(entry, dict) or entry.get("version") != VERSION:
        raise EgotapError(f"{path} was not written by this version of egotap: it does not describe its task")
    missing = [name for name in About._fields if name not in entry and name not in About._field_defaults]
    if missing:
        raise EgotapError(f"{path}: its description has no {', '.join(missing)}")
    about = About(**{name: entry[name] for name in About._fields if name in entry})
    for name, is_right, expected in _FIELDS:
        if not is_right(getattr(about, name)):
            raise EgotapError(f"{path}: its {name} must be {expected}")
    try:
        about.facts()
    except (ValueError, LookupError, TypeError, AttributeError) as error:  # the last three of a damaged rig
        raise EgotapError(f"{path}: {error}") from error
    return about


def _is_whole(value: Any) -> bool:
    return type(value) is int


def _is_text(value: Any) -> bool:
    return type(value) is str and value.isprintable()  # it is printed on terminals


def _are_names(value: Any) -> bool:
    return type(value) in (list, tuple) and len(value) <= MAX_NAMES and all(map(_is_text, value))


def _is_skeleton(value: Any) -> bool:
    return (
        type(value) is dict
        and value.keys() == {"name", "joints", "parents", "estimates_root"}
        and _is_text(value["name"])
        and _are_names(value["joints"])
        and type(value["parents"]) in (list, tuple)
        and all(map(_is_whole, value["parents"]))
        and type(value["estimates_root"]) is bool
    )


_FIELDS: tuple[tuple[str, Callable[[Any], bool], str], ...] = (
    ("task", lambda value: type(value) is dict, "a dictionary"),
    ("skeleton", _is_skeleton, f"name, joints, parents and estimates_root of a skeleton of at most {MAX_NAMES} joints"),
    ("categories", _are_names, f"a list of at most {MAX_NAMES} names"),
    ("data", lambda value: type(value) is dict and _is_text(value.get("name")), "a dictionary with a name"),
    ("data_fingerprint", _is_text, "text"),
    ("batch_size", lambda value: _is_whole(value) and value > 0, "a whole number, 1 or more"),
    ("seed", _is_whole, "a whole number"),
    ("experiment", _is_text, "text"),
    ("rig", lambda value: value is None or type(value) is dict, "a dictionary"),
)


def load_task(
    path: Path, trust: Sequence[str], categories: Sequence[str] | None = None, rig: StereoRig | None = None
) -> tuple[L.LightningModule, About]:
    """Load the task of a checkpoint with its weights. Every command turns files into objects by this function alone.

    The checkpoint determines the network and plain values. It cannot make the program read or write another file:
    neither its data nor the weights that its training started from are looked up.

    Args:
        path: a checkpoint that `egotap` wrote.
        trust: names of what its task may use besides the allowlist; see
            `egotap_pl.engine.checkpoints.allowlist.is_trusted`.
        categories: names of the motion categories that it will be tested on; None: those of its training.
        rig: the cameras that it will be tested with; None: those of its training.

    Returns:
        The task, and the checkpoint's description of itself.

    Raises:
        EgotapError: if `egotap` did not write the file, it names a class that is not trusted, or its weights do not
            fit.
    """
    content = read_checkpoint(path)
    about = about_of(content, path)
    spec = checked_task(about.task, trust, f"{path}: task")
    facts = about.facts()
    if categories is not None:
        facts = facts._replace(categories=tuple(categories))
    if rig is not None:
        facts = facts._replace(rig=rig)
    weights = content["state_dict"]
    if not _are_weights(weights):
        raise EgotapError(f"{path}: its state_dict must be a dictionary of names and tensors")
    task = build_task(spec, facts, weights, str(path))
    load_weights(task, weights, str(path))
    return task, about


def _are_weights(state: Any) -> TypeGuard[dict[str, Tensor]]:
    return isinstance(state, dict) and all(
        type(name) is str and isinstance(value, Tensor) and value.layout is torch.strided and value.device.type == "cpu"
        for name, value in state.items()
    )


def checked_task(task: Spec, trust: Sequence[str], origin: str) -> Spec:
    """The spec that is built for a task when a checkpoint is loaded.

    ``initialise`` is removed: only a new training calls it, and it may name a file of weights.

    Args:
        task: the spec in the checkpoint.
        trust: see `load_task`.
        origin: where the spec is from, for messages.

    Raises:
        EgotapError: if it names a class that a checkpoint may not name, or a value in it is not plain.
    """
    spec = {**task, "initialise": None} if "initialise" in task else task
    check_spec_of_file(spec, trust, origin)
    return spec


def load_part(module: torch.nn.Module, path: Path, prefix: str) -> None:
    """Load part of a checkpoint's weights into a module; every one must fit.

    Args:
        module: the network.
        path: the checkpoint.
        prefix: the weights' names in the checkpoint start with this and a dot.

    Raises:
        EgotapError: if the file cannot be read, or a weight does not fit.
    """
    state = read_checkpoint(path)["state_dict"]
    start = f"{prefix}."
    part = {name.removeprefix(start): value for name, value in state.items() if name.startswith(start)}
    load_weights(module, part, f"{path}, {prefix}")


def load_weights(module: torch.nn.Module, weights: Mapping[str, Tensor], origin: str) -> None:
    """Load weights into a module; every one must fit.

    Args:
        module: the network.
        weights: tensors by name.
        origin: where they are from, for messages.

    Raises:
        EgotapError: if one does not fit; see `check_weights`.
    """
    check_weights(module, weights, origin)
    module.load_state_dict(weights)
