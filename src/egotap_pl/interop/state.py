"""Published state dicts, read without running code, checked key by key, and translated to this package's names."""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeGuard

import torch
from torch import Tensor, nn

from egotap_pl.core.disks import raise_if_disk_fails
from egotap_pl.core.errors import EgotapError
from egotap_pl.core.torch_files import reason_of
from egotap_pl.core.wording import some_of

FILES = {
    "joint": "best_net_HeatMap.pth",
    "limb": "best_net_RotHeatMap.pth",
    "lifter": "best_net_AutoEncoder.pth",
}
"""The files of a published folder, by their content."""

Shape = tuple[int, ...]


class Published(NamedTuple):
    """A published state dict."""

    file: Path
    """The file, for messages."""

    tensors: Mapping[str, Tensor]
    """The tensors, under the names of the release."""


class Entry(NamedTuple):
    """How one of our tensors is computed from published ones."""

    ours: str
    """Its name in our network."""

    theirs: Mapping[str, Shape]
    """Names and shapes of the published tensors."""

    join: Callable[..., Tensor]
    """Computes it from the published tensors, in the order of ``theirs``."""


class Spare(NamedTuple):
    """A published tensor that is not used. It may be missing, but if present it must be as expected."""

    theirs: str
    """Its name."""

    shape: Shape
    """Its shape."""

    copy_of: str | None = None
    """Name of the tensor of which it is a copy; None if it is not a copy."""


def read_published(source: Path | str, part: str) -> Published:
    """Reads one file of a published folder.

    Args:
        source: the folder.
        part: ``joint``, ``limb`` or ``lifter``.

    Raises:
        EgotapError: if the file is missing, or is not a mapping of names to tensors. Nothing else is unpickled.
    """
    folder = Path(source)
    file = folder / FILES[part]
    if not folder.is_dir():
        problem = "is a file, not a folder" if folder.is_file() else "no such folder"
        raise EgotapError(f"{folder}: {problem}; give the folder that contains {file.name}")
    if not file.is_file():
        names = sorted(path.name for path in folder.glob("*.pth"))
        raise EgotapError(f"{folder} has no {file.name}; its .pth files: {', '.join(names) or 'none'}")
    content = _load(file)
    if not _is_state(content):
        raise EgotapError(f"{file} is not a state dict: it must map names to tensors")
    if content and all(name.startswith("module.") for name in content):  # saved from DataParallel
        content = {name.removeprefix("module."): tensor for name, tensor in content.items()}
    return Published(file, content)


def read_lightning(source: Path | str) -> Published:
    """Reads a checkpoint that Lightning wrote, in which every name begins with ``model.``

    Args:
        source: the file, or a folder with one .ckpt file.

    Raises:
        EgotapError: if there is no such file, or more than one, or it contains more than tensors and plain values.
            Nothing else is unpickled.
    """
    file = Path(source)
    if file.is_dir():
        files = sorted(file.glob("*.ckpt"))
        if len(files) != 1:
            names = ", ".join(path.name for path in files) or "none"
            raise EgotapError(f"{file}: needs one .ckpt file, and has {names}; give source=FILE")
        (file,) = files
    if not file.is_file():
        raise EgotapError(f"{file}: no such file; give the published checkpoint, or its folder")
    content = _load(file)
    state = content.get("state_dict") if isinstance(content, Mapping) else None
    if not _is_state(state):
        raise EgotapError(f"{file} is not a checkpoint of Lightning: it has no state_dict of tensors")
    return Published(file, {name.removeprefix("model."): tensor for name, tensor in state.items()})


def _is_state(content: Any) -> TypeGuard[Mapping[str, Tensor]]:
    """Whether something is a state dict."""
    return isinstance(content, Mapping) and all(
        isinstance(name, str) and isinstance(tensor, Tensor) for name, tensor in content.items()
    )


def _load(file: Path) -> Any:
    """Tensors and plain containers from a file.

    Raises:
        EgotapError: if it contains anything else, or is damaged.
    """
    try:
        _check_sums(file)
        return torch.load(file, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, OSError, RuntimeError, EOFError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise_if_disk_fails(error, file)
        raise EgotapError(f"{file} is not a state dict of tensors, or it is damaged: {reason_of(error)}") from error


def _check_sums(file: Path) -> None:
    """Compare the checksums of an archive, which `torch.load` does not do. Older versions of torch wrote none.

    Raises:
        EgotapError: if one is wrong.
    """
    if not zipfile.is_zipfile(file):
        return
    with zipfile.ZipFile(file) as archive:
        stored = all(member.compress_type == zipfile.ZIP_STORED for member in archive.infolist())
        if stored and (wrong := archive.testzip()) is not None:
            raise EgotapError(f"{file} is damaged: the checksum of {wrong} is wrong; copy it again")


def same(module: nn.Module, ours: str, theirs: str) -> list[Entry]:
    """Entries of a module in which only the prefix of the names differs from the release.

    Args:
        module: the module.
        ours: prefix of its names in our network.
        theirs: prefix of its names in the release.
    """
    return [
        Entry(f"{ours}{name}", {f"{theirs}{name}": tuple(tensor.shape)}, unchanged)
        for name, tensor in module.state_dict().items()
    ]


def renamed(module: nn.Module, ours: str, names: Mapping[str, str]) -> list[Entry]:
    """Entries of a module whose children have other names in the release.

    Args:
        module: the module.
        ours: prefix of its names in our network.
        names: the release's full name of each child, by our name.
    """
    return [
        entry
        for child, theirs in names.items()
        for entry in same(module.get_submodule(child), f"{ours}{child}.", f"{theirs}.")
    ]


def translate(published: Published, entries: Sequence[Entry], spares: Iterable[Spare] = ()) -> dict[str, Tensor]:
    """Translates a published state dict into ours.

    Args:
        published: the published state dict.
        entries: how each of our tensors is computed.
        spares: published tensors that are not used.

    Raises:
        EgotapError: if a key is missing, unknown or of another shape, a value is not finite, or a copy differs from its
            original. The message counts and names the keys.
    """
    tensors, spares = published.tensors, list(spares)
    needed = {name: shape for entry in entries for name, shape in entry.theirs.items()}
    allowed = {spare.theirs: spare.shape for spare in spares}
    shapes = {**allowed, **needed}
    present = shapes.keys() & tensors.keys()
    wrong = {name for name in present if tuple(tensors[name].shape) != shapes[name]}
    problems = {
        "missing": sorted(needed.keys() - tensors.keys()),
        "unknown": sorted(tensors.keys() - shapes.keys()),
        "of another shape": [f"{n} {_size(tensors[n].shape)}, not {_size(shapes[n])}" for n in sorted(wrong)],
        "with values that are not finite": sorted(
            name for name in (present & needed.keys()) - wrong if not bool(tensors[name].isfinite().all())
        ),
        "not the same as the tensors they repeat": sorted(
            spare.theirs for spare in spares if spare.theirs in present - wrong and _differs(spare, tensors)
        ),
    }
    if any(problems.values()):
        details = (f"{len(names)} {kind} ({some_of(names, '; ')})" for kind, names in problems.items() if names)
        raise EgotapError(f"{published.file} does not fit this network: {', '.join(details)}")
    return {entry.ours: entry.join(*(tensors[name] for name in entry.theirs)) for entry in entries}


def fill(module: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Loads translated weights. The mean pose, which no release has, stays zero.

    Raises:
        ValueError: if a parameter or statistic has no weights: then the translation is wrong, not the file.
    """
    missing, unexpected = module.load_state_dict(dict(weights), strict=False)
    missing = [name for name in missing if name != "mean_pose_cm"]
    if missing or unexpected:
        raise ValueError(f"the translation is wrong: no weights for {missing}, unknown names {unexpected}")


def unchanged(tensor: Tensor) -> Tensor:
    """The tensor itself, for entries with one published tensor of the same shape."""
    return tensor


def _size(shape: Sequence[int]) -> str:
    return " x ".join(map(str, shape)) or "scalar"


def _differs(spare: Spare, tensors: Mapping[str, Tensor]) -> bool:
    if spare.copy_of is None or spare.copy_of not in tensors:
        return False
    return not torch.equal(tensors[spare.theirs], tensors[spare.copy_of])
