"""Turns published weights into a checkpoint."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import lightning as L
import torch
from torch import Tensor

from egotap_pl.core.atomic import atomic
from egotap_pl.core.batch import DataFacts
from egotap_pl.core.errors import EgotapError
from egotap_pl.core.skeleton import Skeleton
from egotap_pl.engine.build import Spec, build
from egotap_pl.engine.checkpoints.loading import KEY, VERSION, About
from egotap_pl.interop.estimator import estimator_weights
from egotap_pl.interop.lifters import find_method
from egotap_pl.interop.state import FILES, read_published
from egotap_pl.nn.estimator import StereoUNet

CATEGORIES = ("uncategorised",)
"""Published weights do not name the categories of their data. Evaluation uses those of its store."""


def import_weights(
    source: Path, output: Path, *, method: str, propagation: str, estimators: Sequence[str], about: About
) -> int:
    """Write the published weights in a folder as a checkpoint that `egotap evaluate` and the other verbs accept.

    Args:
        source: folder with the published files, or the file if there is only one.
        output: the checkpoint to write.
        method: name of the release, e.g. ``egotap``.
        propagation: variant of EgoTAP's lifter: none, rf, lstm, alter, concat or pu.
        estimators: kinds of heatmaps (``joint``, ``limb``) for which the release has an estimator.
        about: the checkpoint's description of itself; the weights must fit its task.

    Returns:
        Number of weights.

    Raises:
        EgotapError: if a file is missing, its keys and shapes do not fit the task, or it would be overwritten.
    """
    if output.is_dir():
        raise EgotapError(f"output={output} is a folder: must be a file, e.g. output={output / 'release.ckpt'}")
    published = [source, *(source / name for name in FILES.values()), *source.glob("*.ckpt")]
    if output.resolve() in {file.resolve() for file in published if file.is_file()}:
        raise EgotapError(f"output={output}: is a published file, which would be overwritten; give another name")
    skeleton = Skeleton.from_dict(about.skeleton)
    task = empty_task(about.task, skeleton)
    weights = read_weights(task, source, skeleton, method=method, propagation=propagation, estimators=estimators)
    checkpoint = {
        "state_dict": weights,
        "pytorch-lightning_version": L.__version__,
        "epoch": 0,
        "global_step": 0,
        KEY: {"version": VERSION, **about._asdict()},
    }
    output.parent.mkdir(parents=True, exist_ok=True)
    with atomic(output) as temporary:
        torch.save(checkpoint, temporary)
    return sum(tensor.numel() for tensor in weights.values())


def empty_task(spec: Spec, skeleton: Skeleton) -> L.LightningModule:
    """The task of a spec, whose weights have names and shapes but no memory."""
    facts = DataFacts(skeleton, CATEGORIES, torch.zeros(len(skeleton.estimated), 3))
    with torch.device("meta"):
        task: L.LightningModule = build(spec)(facts)
    return task


def read_weights(
    task: L.LightningModule,
    source: Path,
    skeleton: Skeleton,
    *,
    method: str,
    propagation: str,
    estimators: Sequence[str],
) -> dict[str, Tensor]:
    """The state dict of a task, from published files.

    Args:
        task: see `empty_task`.
        source: folder with the published files.
        skeleton: the joints that the weights are for.
        method: see `import_weights`.
        propagation: see `import_weights`.
        estimators: see `import_weights`.

    Raises:
        EgotapError: if a file is missing, or its keys and shapes do not fit.
    """
    release = find_method(method, propagation)
    parts = {"lifter": release.weights(release.read(source), task.get_submodule("lifter"))}
    for kind in estimators:
        name = f"heatmaps.{kind}.module"
        estimator = task.get_submodule(name)
        assert isinstance(estimator, StereoUNet)
        parts[name] = estimator_weights(read_published(source, kind), estimator, skeleton)
    weights = {f"{part}.{name}": tensor for part, tensors in parts.items() for name, tensor in tensors.items()}
    rows = len(skeleton.estimated)
    weights["lifter.mean_pose_cm"] = torch.zeros(rows, 3)
    weights["mean_pose_cm"] = torch.full((rows, 3), torch.nan)  # not published; evaluation uses its store's
    unfilled = {
        name for name, tensor in task.state_dict().items() if name not in weights or tensor.shape != weights[name].shape
    }
    if unfilled or len(weights) != len(task.state_dict()):
        raise ValueError(f"the translation of {release} leaves weights of the task empty: {sorted(unfilled)}")
    return {name: tensor.contiguous() for name, tensor in weights.items()}
