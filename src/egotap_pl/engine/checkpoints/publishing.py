"""Writes a checkpoint as others want it: the network alone, in half of the size."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from egotap_pl.core.atomic import atomic
from egotap_pl.core.errors import EgotapError
from egotap_pl.engine.checkpoints.loading import KEY, VERSION, about_of, read_checkpoint

SUFFIX = ".ckpt"
"""How the names of such files end."""
_KEPT = ("pytorch-lightning_version", "epoch", "global_step")
_PRIVATE = frozenset(("root", "pose_root", "folder", "calibration", "rig", "file"))
"""Keys, at any depth, whose values name files or folders of the machine where the network was trained."""


def publish_weights(checkpoint: Path, output: Path) -> None:
    """Write a checkpoint without the state of its training, with its matrices and convolutions in half precision.

    Every verb and ``init=`` accept the file. Loaded, its weights are single precision again. Vectors, such as biases
    and the statistics of normalisation, stay as they are. It does not name files or folders of this machine.

    Args:
        checkpoint: a checkpoint that `egotap` wrote.
        output: the file to write.

    Raises:
        EgotapError: if the checkpoint cannot be read or would be overwritten, or a weight is too large for half
            precision.
    """
    if output.is_dir():
        raise EgotapError(f"output={output} is a folder: must be a file, e.g. output={output / 'weights.ckpt'}")
    if output.resolve() == checkpoint.resolve():
        raise EgotapError(f"output={output}: is the checkpoint itself, which would be lost; give another name")
    content = read_checkpoint(checkpoint)
    about = about_of(content, checkpoint)
    data, task = _without_folders(about.data), dict(about.task)
    if "initialise" in task:
        task["initialise"] = _without_folders(task["initialise"])
    weights = {name: _halved(value, f"{checkpoint}: {name}") for name, value in content["state_dict"].items()}
    kept: dict[str, Any] = {name: content[name] for name in _KEPT if name in content}
    entry = {"version": VERSION, **about._replace(data=data, task=task)._asdict()}
    output.parent.mkdir(parents=True, exist_ok=True)
    with atomic(output) as temporary:
        torch.save({"state_dict": weights, **kept, KEY: entry}, temporary)


def _without_folders(node: Any) -> Any:
    """Plain containers with null in place of what names files or folders of this machine."""
    if isinstance(node, dict):
        return {key: None if key in _PRIVATE else _without_folders(value) for key, value in node.items()}
    if isinstance(node, (list, tuple)):
        return [_without_folders(value) for value in node]
    return None if isinstance(node, str) and (node.startswith("~") or Path(node).is_absolute()) else node


def _halved(weight: Tensor, origin: str) -> Tensor:
    if not weight.is_floating_point() or weight.ndim < 2:
        return weight.clone()
    half = weight.half()
    if not half.isfinite().all() and weight.isfinite().all():
        raise EgotapError(f"{origin} is too large for half precision; share the checkpoint as it is")
    return half
