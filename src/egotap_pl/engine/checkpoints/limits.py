"""Checks before a checkpoint becomes a network: its checksums, and limits on the time and memory that loading it takes.

Both are in proportion to the file, whatever the file claims.
"""

from __future__ import annotations

import pickletools
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import lightning as L
import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_parameter_registration_hook

from egotap_pl.core.batch import DataFacts
from egotap_pl.core.errors import EgotapError, first_line
from egotap_pl.core.wording import some_of
from egotap_pl.engine.build import Spec, build
from egotap_pl.engine.checkpoints.allowlist import is_trusted, targets

MIB = 2**20
MAX_DESCRIPTION_BYTES = 16 * MIB
"""Largest part of a checkpoint that is not tensors. With an optimiser's state it is well below 1 MiB."""
BYTES_PER_BYTE, SPARE_BYTES = 4, 64 * MIB
"""Memory that a network may take: for each byte of weights in the file (half precision is loaded as single), and on top
of that, for buffers that are not saved."""
_MAKERS_OF_BYTES = {"_codecs encode", "builtins bytearray", "__builtin__ bytearray"}


def check_archive(path: Path) -> None:
    """Check, before a checkpoint is read, that it is undamaged, and that reading it takes no more memory than its size
    on disk suggests.

    An archive has a checksum (CRC-32) of each tensor, which `torch.load` does not compare. Comparing them takes about
    a second for each GB.

    Raises:
        EgotapError: if the file is damaged, compressed, or the part that is not tensors is too large or creates byte
            strings, which could be of any number and length.
        zipfile.BadZipFile: if it is not an archive; every checkpoint is one.
    """
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        stored = all(member.compress_type == zipfile.ZIP_STORED for member in members)
        if not stored or sum(member.file_size for member in members) > path.stat().st_size:
            raise EgotapError(f"{path} is refused: it is compressed, and checkpoints are not")
        if (wrong := archive.testzip()) is not None:
            raise EgotapError(f"{path} is damaged: the checksum of {wrong} is wrong; copy it again, or make it again")
        for member in members:
            if not member.filename.endswith("/data.pkl"):
                continue
            if member.file_size > MAX_DESCRIPTION_BYTES:
                raise EgotapError(
                    f"{path} is refused: {member.file_size / MIB:.0f} MiB of it are not tensors, "
                    f"more than {MAX_DESCRIPTION_BYTES // MIB} MiB"
                )
            for _, argument, _ in pickletools.genops(archive.read(member)):
                if isinstance(argument, str) and argument in _MAKERS_OF_BYTES:
                    raise EgotapError(f"{path} is refused: it creates byte strings, which no checkpoint needs")


def build_task(spec: Spec, facts: DataFacts, weights: Mapping[str, Tensor], origin: str) -> L.LightningModule:
    """Build the task of a checked spec if the weights fit it.

    The task is first built without memory, so that a spec's sizes cost nothing until the file has proved to contain
    that many weights.

    Args:
        spec: spec of a factory, called with ``facts``; see `egotap_pl.engine.checkpoints.loading.checked_task`.
        facts: what the task may know about the data.
        weights: the state dict that the task will load.
        origin: the file, for messages.

    Raises:
        EgotapError: if the spec does not give a task, or the weights do not fit.
    """
    allowed = BYTES_PER_BYTE * _bytes_of(weights.values()) + SPARE_BYTES
    most = 10 * len(weights) + 1000
    with _parameters_limited(most, allowed), _copies_limited(most):
        try:
            with torch.device("meta"):
                shell = _instantiate(spec, facts, origin)
        except EgotapError:
            if all(is_trusted(target, ("egotap_pl",)) for target in targets(spec)):
                raise
            shell = None  # a trusted class may need real numbers while it is created
        if shell is not None:
            check_weights(shell, weights, origin)
            needed = _bytes_of([*shell.parameters(), *shell.buffers()])
            if needed > allowed:
                raise EgotapError(
                    f"{origin}: its network needs {needed / MIB:.0f} MiB, far more than the file contains"
                )
        return _instantiate(spec, facts, origin)


def check_weights(module: nn.Module, weights: Mapping[str, Tensor], origin: str) -> None:
    """Check that weights have the names and shapes of a module's.

    Args:
        module: the network.
        weights: tensors by name.
        origin: where they are from, for messages.

    Raises:
        EgotapError: if one does not fit; the message counts and names those that do not.
    """
    own = module.state_dict()
    wrong = {
        "missing": sorted(own.keys() - weights.keys()),
        "unknown": sorted(weights.keys() - own.keys()),
        "of another shape": sorted(n for n in own.keys() & weights.keys() if own[n].shape != weights[n].shape),
    }
    if any(wrong.values()):
        described = (f"{len(names)} {kind} ({some_of(names)})" for kind, names in wrong.items() if names)
        raise EgotapError(f"{origin}: the weights do not fit: {'; '.join(described)}")


def _instantiate(spec: Spec, facts: DataFacts, origin: str) -> L.LightningModule:
    try:
        task = build(spec)(facts)
    except Exception as error:  # of any kind: whatever a class raises for values that it cannot use
        raise EgotapError(f"{origin}: its task cannot be built: {first_line(error)[:300]}") from error
    if not isinstance(task, L.LightningModule):
        raise EgotapError(f"{origin}: its task is a {type(task).__name__}, not a LightningModule")
    return task


def _bytes_of(tensors: Iterable[Tensor]) -> int:
    """Bytes that tensors take in memory; shared memory counts once."""
    storages = {tensor.untyped_storage()._cdata: tensor.untyped_storage().nbytes() for tensor in tensors}
    return sum(storages.values())


@contextmanager
def _parameters_limited(most: int, most_bytes: int) -> Iterator[None]:
    """Raise an error as soon as modules created in the block have too many parameters, or one that is too large."""
    count = 0

    def register(module: nn.Module, name: str, parameter: nn.Parameter) -> None:
        nonlocal count
        count += 1
        if count > most or (not parameter.is_meta and parameter.nbytes > most_bytes):
            raise EgotapError(f"{type(module).__name__} has more or larger parameters than the file")

    handle = register_module_parameter_registration_hook(register)
    try:
        yield
    finally:
        handle.remove()


@contextmanager
def _copies_limited(most: int) -> Iterator[None]:
    """Raise an error as soon as the block has copied too many modules, as torch's transformers do for each layer.

    A copy does not register its parameters one by one, and a module without any can be copied, too.
    """
    count, restore = 0, nn.Module.__setstate__

    def counted(module: nn.Module, state: Any) -> None:
        nonlocal count
        count += 1
        if count > most:
            raise EgotapError(f"more than {most} copies of {type(module).__name__}, far more than the file has weights")
        restore(module, state)

    nn.Module.__setstate__ = counted  # type: ignore[method-assign]  # every copy of a module is filled by it
    try:
        yield
    finally:
        nn.Module.__setstate__ = restore  # type: ignore[method-assign]
