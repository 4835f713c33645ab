"""Published state dicts: read without running code, every key and shape checked, renamed to this package's names."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from egotap_pl.core.errors import EgotapError

FILES = {
    "joint": "best_net_HeatMap.pth",
    "limb": "best_net_RotHeatMap.pth",
    "lifter": "best_net_AutoEncoder.pth",
}
"""The files of a published folder, by what they hold."""

Shape = tuple[int, ...]


class Published(NamedTuple):
    """A published state dict.

    Fields:
        file: where it was read, for messages.
        tensors: by the release's names.
    """

    file: Path
    tensors: Mapping[str, Tensor]


class Entry(NamedTuple):
    """How one of our tensors comes from published ones.

    Fields:
        ours: its name in our module.
        theirs: names and shapes of the published tensors that it is made of.
        join: makes it of those, in that order.
    """

    ours: str
    theirs: Mapping[str, Shape]
    join: Callable[..., Tensor]


class Spare(NamedTuple):
    """A published tensor that nothing reads: it may be missing, but if it is there it must look as expected.

    Fields:
        theirs: its name.
        shape: its shape.
        copy_of: name of the tensor that it repeats; None if it repeats none.
    """

    theirs: str
    shape: Shape
    copy_of: str | None = None


def read_published(source: Path | str, part: str) -> Published:
    """One file of a published folder.

    Args:
        source: the folder.
        part: ``joint``, ``limb`` or ``lifter``.

    Raises:
        EgotapError: if the file is not there, or holds anything but tensors by name. Nothing else is unpickled.
    """
    folder = Path(source)
    file = folder / FILES[part]
    if not folder.is_dir():
        raise EgotapError(f"{folder}: no such folder; give the one that holds {', '.join(FILES.values())}")
    if not file.is_file():
        there = sorted(path.name for path in folder.glob("*.pth"))
        raise EgotapError(f"{folder} has no {file.name}; its .pth files: {', '.join(there) or 'none'}")
    try:
        content = torch.load(file, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, OSError, RuntimeError, EOFError, KeyError, ValueError) as error:
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise EgotapError(f"{file} is no state dict of tensors, or it is damaged: {first}") from error
    if not isinstance(content, Mapping) or not all(isinstance(tensor, Tensor) for tensor in content.values()):
        raise EgotapError(f"{file} is no state dict: it holds something else than tensors by name")
    names = list(content)
    if names and all(name.startswith("module.") for name in names):  # saved from DataParallel
        content = {name.removeprefix("module."): tensor for name, tensor in content.items()}
    return Published(file, content)


def same(module: nn.Module, ours: str, theirs: str) -> list[Entry]:
    """Entries for a module whose own names are the release's, under another prefix."""
    return [
        Entry(f"{ours}{name}", {f"{theirs}{name}": tuple(tensor.shape)}, _itself)
        for name, tensor in module.state_dict().items()
    ]


def renamed(module: nn.Module, ours: str, names: Mapping[str, str]) -> list[Entry]:
    """Entries for a module whose children have other names in the release: ``names`` maps ours to theirs."""
    return [
        entry
        for child, theirs in names.items()
        for entry in same(module.get_submodule(child), f"{ours}{child}.", f"{theirs}.")
    ]


def translate(published: Published, entries: Sequence[Entry], spares: Iterable[Spare] = ()) -> dict[str, Tensor]:
    """Our state dict from a published one.

    Raises:
        EgotapError: if a key is missing, unknown or of another shape, or a copy differs from its original; the message
            counts and names them.
    """
    tensors, spares = published.tensors, list(spares)
    needed = {name: shape for entry in entries for name, shape in entry.theirs.items()}
    allowed = {spare.theirs: spare.shape for spare in spares}
    shapes = {**allowed, **needed}
    present = shapes.keys() & tensors.keys()
    wrong = {name for name in present if tuple(tensors[name].shape) != shapes[name]}
    complaints = {
        "missing": sorted(needed.keys() - tensors.keys()),
        "unknown": sorted(tensors.keys() - shapes.keys()),
        "of another shape": [f"{n} {_size(tensors[n].shape)}, not {_size(shapes[n])}" for n in sorted(wrong)],
        "not the same as the tensors they repeat": sorted(
            spare.theirs for spare in spares if spare.theirs in present - wrong and _differs(spare, tensors)
        ),
    }
    if any(complaints.values()):
        told = (
            f"{len(names)} {kind} ({'; '.join(names[:3])}{'; ...' * (len(names) > 3)})"
            for kind, names in complaints.items()
            if names
        )
        raise EgotapError(f"{published.file} is not what this network's weights look like: {', '.join(told)}")
    return {entry.ours: entry.join(*(tensors[name] for name in entry.theirs)) for entry in entries}


def fill(module: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Loads translated weights; the module's own buffers that no release has (a mean pose of zeros) stay.

    Raises:
        ValueError: if a parameter or statistic of the module got no weights: the translation is wrong, not the file.
    """
    missing, unexpected = module.load_state_dict(dict(weights), strict=False)
    left = [name for name in missing if name != "mean_pose_cm"]
    if left or unexpected:
        raise ValueError(f"the translation leaves out {left} and makes up {unexpected}")


def _itself(tensor: Tensor) -> Tensor:
    return tensor


def _size(shape: Sequence[int]) -> str:
    return " x ".join(map(str, shape)) or "scalar"


def _differs(spare: Spare, tensors: Mapping[str, Tensor]) -> bool:
    if spare.copy_of is None or spare.copy_of not in tensors:
        return False
    return not torch.equal(tensors[spare.theirs], tensors[spare.copy_of])
