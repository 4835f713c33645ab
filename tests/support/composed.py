"""Configurations composed from conf/, and what their tasks are built and called with."""

from __future__ import annotations

import pickle
from functools import cache

import hydra
import torch
from hydra.core.global_hydra import GlobalHydra

from egotap_pl.cli.configuration.composing import conf_dir, plain
from egotap_pl.core.batch import Batch, DataFacts
from egotap_pl.core.camera import StereoRig
from egotap_pl.core.skeleton import egocap, unrealego

CONF = conf_dir()
SKELETONS = {"egosynth": unrealego(), "egosynth_stick": egocap()}


def options(group: str) -> list[str]:
    """The choices of a group, read from disk, so that a new one is tested without anybody remembering to."""
    folder = CONF / group
    return sorted(path.relative_to(folder).with_suffix("").as_posix() for path in folder.rglob("*.yaml"))


def compose(*overrides: str, verb: str = "train") -> dict:
    """What a verb's overrides give: composed once, and anew for each caller."""
    GlobalHydra.instance().clear()
    composed: dict = pickle.loads(_composed(verb, overrides))
    return composed


@cache
def _composed(verb: str, overrides: tuple[str, ...]) -> bytes:
    with hydra.initialize_config_dir(str(CONF), version_base="1.3"):
        return pickle.dumps(plain(hydra.compose(verb, list(overrides))))


def facts(data: str) -> DataFacts:
    skeleton = SKELETONS[data]
    return DataFacts(skeleton, ("walking",), torch.zeros(len(skeleton.estimated), 3), StereoRig.unrealego())


def make_batch(data: str, image_px: int) -> Batch:
    joints = SKELETONS[data].num_joints
    return Batch(
        images=torch.randint(0, 256, (2, 2, 3, image_px, image_px), dtype=torch.uint8),
        points2d_px=torch.rand(2, 2, joints, 2) * 1024,
        pose_cm=torch.randn(2, joints, 3) * 30,
        origin_cm=torch.tensor([0.0, 0.0, 60.0]).expand(2, 2, 3).contiguous(),
        visibility=torch.ones(2, 2, joints, dtype=torch.uint8),
        category=torch.zeros(2, dtype=torch.int64),
        frame=torch.arange(2),
    )
