"""`egotap import-weights`: published weights to a checkpoint that the other verbs take."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lightning as L
import torch
from omegaconf import DictConfig, OmegaConf
from torch import Tensor

from egotap_pl.cli.composing import application, plain
from egotap_pl.core.atomic import atomic
from egotap_pl.core.batch import DataFacts
from egotap_pl.core.errors import EgotapError
from egotap_pl.core.messages import say
from egotap_pl.core.skeleton import Skeleton
from egotap_pl.engine.build import build
from egotap_pl.engine.checkpoints import KEY, VERSION, About
from egotap_pl.interop.estimator import estimator_weights
from egotap_pl.interop.lifters import find_method
from egotap_pl.interop.state import read_published
from egotap_pl.nn.estimator import StereoUNet

CATEGORIES = ("uncategorised",)
"""Published weights do not say what categories their data had; evaluation takes those of its store."""


@application("import_weights")
def main(config: DictConfig) -> None:
    """Import the weights of the given folder."""
    settings = _settings(config)
    skeleton = build(settings["skeleton"])
    output = Path(settings["output"])
    if output.is_dir():
        raise EgotapError(f"output={output} is a folder; name the file to write, e.g. output={output / 'release.ckpt'}")
    task = empty_task(settings["training"]["task"], skeleton)
    weights = read_weights(task, settings, skeleton)
    checkpoint = {
        "state_dict": weights,
        "pytorch-lightning_version": L.__version__,
        "epoch": 0,
        "global_step": 0,
        KEY: {"version": VERSION, **_about(settings, skeleton)._asdict()},
    }
    output.parent.mkdir(parents=True, exist_ok=True)
    with atomic(output) as temporary:
        torch.save(checkpoint, temporary)
    say(f"{sum(tensor.numel() for tensor in weights.values()):,} weights of {settings['source']} in {output}")


def empty_task(spec: dict[str, Any], skeleton: Skeleton) -> L.LightningModule:
    """The task that a checkpoint's spec makes, with names and shapes of its weights but no memory for them."""
    facts = DataFacts(skeleton, CATEGORIES, torch.zeros(len(skeleton.estimated), 3))
    with torch.device("meta"):
        task: L.LightningModule = build(spec)(facts)
    return task


def read_weights(task: L.LightningModule, settings: dict[str, Any], skeleton: Skeleton) -> dict[str, Tensor]:
    """The state dict of ``task`` from the published folder.

    Raises:
        EgotapError: if a file is missing, or its keys and shapes do not fit.
    """
    source = Path(settings["source"])
    method = find_method(settings["method"], settings["propagation"])
    parts = {"lifter": method.weights(read_published(source, "lifter"), task.get_submodule("lifter"))}
    for kind in settings["heatmaps"]["estimators"]:
        name = f"heatmaps.{kind}.module"
        estimator = task.get_submodule(name)
        assert isinstance(estimator, StereoUNet)
        parts[name] = estimator_weights(read_published(source, kind), estimator, skeleton)
    weights = {f"{part}.{name}": tensor for part, tensors in parts.items() for name, tensor in tensors.items()}
    rows = len(skeleton.estimated)
    weights["lifter.mean_pose_cm"] = torch.zeros(rows, 3)
    weights["mean_pose_cm"] = torch.full((rows, 3), torch.nan)  # not published; evaluation takes its store's
    left = {
        name for name, tensor in task.state_dict().items() if name not in weights or tensor.shape != weights[name].shape
    }
    if left or len(weights) != len(task.state_dict()):
        raise ValueError(f"the translation of {method} does not fit the task: {sorted(left)}")
    return {name: tensor.contiguous() for name, tensor in weights.items()}


def _settings(config: DictConfig) -> dict[str, Any]:
    """The configuration as plain containers. Where the data are need not be known to import weights for them."""
    config = config.copy()
    OmegaConf.set_readonly(config, False)
    for key in config.data:
        if OmegaConf.is_missing(config.data, key):
            config.data[key] = None
    settings: dict[str, Any] = plain(config)
    return settings


def _about(settings: dict[str, Any], skeleton: Skeleton) -> About:
    training = settings["training"]
    return About(
        task=training["task"],
        skeleton=skeleton.to_dict(),
        categories=list(CATEGORIES),
        data=settings["data"],
        data_fingerprint="",
        batch_size=training["batch_size"],
        seed=training["seed"],
        experiment=f"release/{settings['method']}",
    )
