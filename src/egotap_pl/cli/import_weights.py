"""`egotap import-weights`: turns published weights into a checkpoint for the other verbs."""

from __future__ import annotations

from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from egotap_pl.cli.configuration.composing import plain
from egotap_pl.core.errors import EgotapError
from egotap_pl.core.messages import say
from egotap_pl.core.skeleton import Skeleton
from egotap_pl.engine.build import Spec, build
from egotap_pl.engine.checkpoints.loading import About
from egotap_pl.engine.importing import CATEGORIES, import_weights
from egotap_pl.interop.lifters import find_method


def main(config: DictConfig) -> None:
    """Import the published weights in a folder."""
    settings = _settings(config)
    source, output = Path(settings["source"]), Path(settings["output"])
    count = import_weights(
        source,
        output,
        method=settings["method"],
        propagation=settings["propagation"],
        estimators=settings["heatmaps"]["estimators"],
        about=_about(settings, build(settings["skeleton"])),
    )
    say(f"{count:,} weights imported from {source} to {output}")


def _settings(config: DictConfig) -> Spec:
    """The configuration as plain containers. Mandatory values of the data are not needed to import weights.

    Raises:
        EgotapError: if the skeleton of the data set is neither known nor given.
    """
    config = config.copy()
    OmegaConf.set_readonly(config, False)
    for key in config.data:
        if OmegaConf.is_missing(config.data, key):
            config.data[key] = None
    name = config.data.name
    if name not in config.skeleton_of and OmegaConf.is_interpolation(config.skeleton, "_target_"):
        raise EgotapError(
            f"data={name}: the joints of this data set are not known here: give a function or class that makes its "
            "skeleton, e.g. skeleton._target_=egotap_pl.core.skeleton.unrealego"
        )
    settings: Spec = plain(config)
    return settings


def _about(settings: Spec, skeleton: Skeleton) -> About:
    training, rig = settings["training"], find_method(settings["method"]).rig
    return About(
        task=training["task"],
        skeleton=skeleton.to_dict(),
        categories=list(CATEGORIES),
        data=settings["data"],
        data_fingerprint="",
        batch_size=training["batch_size"],
        seed=training["seed"],
        experiment=f"release/{settings['method']}",
        rig=None if rig is None else rig.to_dict(),
    )
