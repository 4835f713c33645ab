"""Writes networks as ONNX files, checked against ONNX Runtime. Needs egotap-pl[onnx]."""

from __future__ import annotations

import importlib.util
import logging
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from egotap_pl.core.atomic import atomic
from egotap_pl.core.errors import EgotapError

OPSET = 20
"""Version of ONNX's operators."""
BATCH = "batch"
"""Name of the first axis of every input and output. Its size is free."""
TOLERANCE = 1e-4
"""Largest allowed difference between ONNX Runtime and PyTorch, relative to the largest output."""
ROUNDED_TOLERANCE = 1e-2
"""The same for networks that round values, since one in the middle between two may go either way."""
_REMEDY = (
    "A network that has hardly been trained may magnify differences in rounding: train it longer. Otherwise one of the "
    "packages has a defect: try other versions of onnxscript and onnxruntime (pip install -U onnxscript onnxruntime), "
    "and report what egotap doctor prints"
)
CHECKED_BATCHES = (1, 2, 5)
"""Sizes of the batches on which ONNX Runtime and PyTorch are compared."""

Inputs = Callable[[int], Mapping[str, Tensor]]
"""Makes random inputs for a batch of a size: by name, in the order of the network's arguments."""


class OutputsDiffer(EgotapError, RuntimeError):
    """ONNX Runtime gives other outputs than PyTorch."""


def write_onnx(
    network: nn.Module,
    inputs: Inputs,
    output: str,
    path: Path,
    metadata: Mapping[str, str],
    tolerance: float = TOLERANCE,
) -> float | None:
    """Writes a network in evaluation mode as an ONNX file. The file appears only after it has been checked.

    Args:
        network: takes tensors and returns one tensor; the first axis of each is the batch.
        inputs: makes random inputs; see `Inputs`.
        output: name of the output.
        path: the file to write.
        metadata: entries of the file's metadata.
        tolerance: largest allowed difference between ONNX Runtime and PyTorch, relative to the largest output.

    Returns:
        The largest difference between ONNX Runtime and PyTorch on random batches of the sizes `CHECKED_BATCHES`,
        relative to the largest output; None if ONNX Runtime is not installed.

    Raises:
        EgotapError: if the packages that write ONNX are not installed.
        OutputsDiffer: if the difference exceeds the tolerance.
    """
    check_packages()
    network.eval()
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic(path) as temporary:
        temporary.write_bytes(_model(network, inputs(2), output, metadata).SerializeToString())
        if importlib.util.find_spec("onnxruntime") is None:
            return None
        difference = _difference(network, [inputs(size) for size in CHECKED_BATCHES], temporary)
        if not difference <= tolerance:
            raise OutputsDiffer(
                f"{path}: not written, because ONNX Runtime differs from PyTorch by {difference:.2g} of the largest "
                f"output on random inputs; up to {tolerance:g} is allowed. {_REMEDY}"
            )
        return difference


def check_packages() -> None:
    """Checks that the packages that write ONNX are installed.

    Raises:
        EgotapError: if a package is missing.
    """
    if missing := [name for name in ("onnx", "onnxscript") if importlib.util.find_spec(name) is None]:
        raise EgotapError(f"ONNX needs the package {' and '.join(missing)}: pip install 'egotap-pl[onnx]'")


def session_of(
    network: nn.Module,
    inputs: Inputs,
    path: Path,
    providers: Sequence[str],
    threads: int,
    tolerance: float = TOLERANCE,
) -> Any:
    """Writes a network as an ONNX file and loads it into ONNX Runtime.

    Args:
        network: see `write_onnx`.
        inputs: see `write_onnx`.
        path: the file to write.
        providers: names of ONNX Runtime's execution providers, the preferred one first.
        threads: number of CPU threads.
        tolerance: see `write_onnx`.

    Returns:
        An ``onnxruntime.InferenceSession``.

    Raises:
        EgotapError: if the packages are not installed.
        OutputsDiffer: see `write_onnx`.
    """
    check_packages()
    if importlib.util.find_spec("onnxruntime") is None:
        raise EgotapError("ONNX Runtime is not installed: pip install 'egotap-pl[onnx]'")
    import onnxruntime

    write_onnx(network, inputs, "output", path, {}, tolerance)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(path, options, providers=list(providers))


def _model(network: nn.Module, inputs: Mapping[str, Tensor], output: str, metadata: Mapping[str, str]) -> Any:
    """The network as ONNX's protocol buffer."""
    import onnx

    batch = torch.export.Dim(BATCH, min=1, max=2**20)
    with quiet(), torch.no_grad():
        # Exported by torch.export first: torch.onnx.export fixes the size of the batch where it cannot keep it free.
        program = torch.export.export(network, tuple(inputs.values()), dynamic_shapes=tuple({0: batch} for _ in inputs))
        exported = torch.onnx.export(
            program,
            dynamo=True,
            opset_version=OPSET,
            input_names=list(inputs),
            output_names=[output],
            verbose=False,
        )
    assert exported is not None
    model = exported.model_proto
    _name_batch(model)
    onnx.helper.set_model_props(model, dict(metadata))
    onnx.checker.check_model(model)
    return model


def _name_batch(model: Any) -> None:
    """Renames the free axis, for which an exported program has a generated symbol."""
    symbol = model.graph.input[0].type.tensor_type.shape.dim[0].dim_param
    for value in (*model.graph.input, *model.graph.output, *model.graph.value_info):
        for axis in value.type.tensor_type.shape.dim:
            if axis.dim_param:
                axis.dim_param = BATCH if axis.dim_param == symbol else axis.dim_param.replace(symbol, BATCH)


def _difference(network: nn.Module, batches: Sequence[Mapping[str, Tensor]], path: Path) -> float:
    """The largest difference between ONNX Runtime and PyTorch on batches, relative to a batch's largest output."""
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    differences = []
    for inputs in batches:
        (output,) = session.run(None, {name: tensor.numpy() for name, tensor in inputs.items()})
        with torch.no_grad():
            expected = network(*inputs.values())
        differences.append((torch.from_numpy(output) - expected).abs().max() / expected.abs().max().clamp(min=1e-12))
    return float(torch.stack(differences).max())  # unlike Python's max, torch's does not lose a NaN


@contextmanager
def quiet() -> Iterator[None]:
    """Silences the exporter's messages about its internals."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "torch.export", "onnxscript", "onnx_ir")]
    levels = [logger.level for logger in loggers]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)
