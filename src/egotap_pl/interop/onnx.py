"""Networks to ONNX files, held against ONNX Runtime. Needs egotap-pl[onnx]."""

from __future__ import annotations

import importlib.util
import logging
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from egotap_pl.core.atomic import atomic
from egotap_pl.core.errors import EgotapError

OPSET = 20
BATCH = "batch"
"""Name of every input's and output's first axis, whose length is free."""
TOLERANCE = 1e-4
"""Largest difference between ONNX Runtime and PyTorch, relative to the largest output."""
CHECKED_BATCHES = (1, 2, 5)

Inputs = Callable[[int], Mapping[str, Tensor]]
"""Random inputs by name, in the order of the network's arguments, of a batch of the given size."""


def write_onnx(
    network: nn.Module, inputs: Inputs, output: str, path: Path, metadata: Mapping[str, str]
) -> float | None:
    """Write a network in evaluation mode as an ONNX file, which appears when it has been checked.

    Args:
        network: from tensors to a tensor, the batch first in all of them.
        inputs: see `Inputs`.
        output: name of its output.
        path: the file.
        metadata: what the file says of itself.

    Returns:
        The largest difference between ONNX Runtime and PyTorch on random inputs of `CHECKED_BATCHES` sizes, relative to
        the largest output; None if ONNX Runtime is not installed.

    Raises:
        EgotapError: if the packages that write ONNX are not installed.
        RuntimeError: if the difference exceeds `TOLERANCE`: a defect of one of them.
    """
    check_packages()
    network.eval()
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic(path) as temporary:
        temporary.write_bytes(_model(network, inputs(2), output, metadata).SerializeToString())
        if importlib.util.find_spec("onnxruntime") is None:
            return None
        difference = max(_difference(network, inputs(size), temporary) for size in CHECKED_BATCHES)
        if not difference <= TOLERANCE:
            raise RuntimeError(f"ONNX Runtime differs from PyTorch by {difference:.2g} of the largest output")
        return difference


def check_packages() -> None:
    """Whether ONNX files can be written.

    Raises:
        EgotapError: if a package is missing.
    """
    if missing := [name for name in ("onnx", "onnxscript") if importlib.util.find_spec(name) is None]:
        raise EgotapError(f"ONNX needs the package {' and '.join(missing)}: pip install 'egotap-pl[onnx]'")


def _model(network: nn.Module, inputs: Mapping[str, Tensor], output: str, metadata: Mapping[str, str]) -> Any:
    """The network as ONNX's protocol buffer."""
    import onnx

    batch = torch.export.Dim(BATCH, min=1, max=2**20)
    with quiet(), torch.no_grad():
        # Exported here and not by torch.onnx.export itself: where that cannot keep the batch's size free, it fixes it.
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
    """Names the free axis, which an exported program numbers."""
    symbol = model.graph.input[0].type.tensor_type.shape.dim[0].dim_param
    for value in (*model.graph.input, *model.graph.output, *model.graph.value_info):
        for axis in value.type.tensor_type.shape.dim:
            if axis.dim_param:
                axis.dim_param = BATCH if axis.dim_param == symbol else axis.dim_param.replace(symbol, BATCH)


def _difference(network: nn.Module, inputs: Mapping[str, Tensor], path: Path) -> float:
    """Between ONNX Runtime and PyTorch, relative to the largest output."""
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {name: tensor.numpy() for name, tensor in inputs.items()})
    with torch.no_grad():
        expected = network(*inputs.values())
    return float((torch.from_numpy(found) - expected).abs().max() / expected.abs().max().clamp(min=1e-12))


@contextmanager
def quiet() -> Iterator[None]:
    """Leaves out what the exporter says of its own insides."""
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
