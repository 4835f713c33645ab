"""A folder as readers of the documentation have it when they type its commands: recordings, calibrations, weights."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import egoposeformer_by_hand
import numpy as np
import published
import torch
from bvh_files import NAMINGS, bvh_text, figure_joints
from documented import ROOT, write_named_files
from PIL import Image
from published import Tiny
from smoke import Run

from egotap_pl.core.skeleton import unrealego
from egotap_pl.data.store.reader import FrameStore
from egotap_pl.synth.motion import ProceduralMotions


def fill(folder: Path, run: Run) -> None:
    """Write what the commands of the pages read.

    Args:
        folder: the working folder of ``run``.
        run: runs `egotap`.
    """
    for page in ("data", "your-own-part", "cameras", "image-lifters", "egosynth"):
        write_named_files(page, folder)
    shutil.copyfile(folder / "my_rig" / "numbers.yaml", folder / "rig.yaml")
    _write_motions(folder)
    _write_npz_motions(folder / "recorded")
    _write_published(folder / "published")
    (folder / "experiments" / "table2" / "results").mkdir(parents=True)
    run("train", "experiment=quickstart", "scale=smoke", "name=first")
    (stores,) = (folder / "work" / "data").glob("egosynth-*")
    (folder / "stores").symlink_to(stores)
    shutil.copyfile(folder / "runs/quickstart/egosynth/first/checkpoints/best.ckpt", folder / "best.ckpt")
    _write_recording(FrameStore(folder / "stores" / "test.h5"), folder / "recording")
    heatmaps = np.random.default_rng(0).random((2, 2, 15, 16, 16), np.float32)
    np.savez(folder / "heatmaps.npz", joint_heatmaps=heatmaps, limb_heatmaps=np.stack((heatmaps, heatmaps), 3))


def _write_motions(folder: Path) -> None:
    """The data set of docs/bvh.md, with a motion of its own."""
    page = (ROOT / "docs" / "bvh.md").read_text(encoding="utf-8")
    (content,) = re.findall(r"^```yaml\n(# @package _global_\n.*?)^```", page, re.M | re.S)
    (folder / "my_conf" / "data" / "my_motions.yaml").write_text(content.replace("DIR", "motions"), encoding="utf-8")
    (folder / "motions").mkdir()
    clip = ProceduralMotions(1).clip("procedural/boxing/0000", 1)
    joints = figure_joints(clip.rotations.double().numpy(), clip.root_cm.double().numpy(), NAMINGS["lafan1"].names())
    (folder / "motions" / "walk.bvh").write_text(bvh_text(joints), encoding="utf-8")


def _write_npz_motions(folder: Path) -> None:
    """Recordings of the data set that docs/data.md writes."""
    random = np.random.default_rng(0)
    for split, frames in {"train": 16, "validation": 4, "test": 5}.items():
        (folder / split).mkdir(parents=True)
        np.savez(
            folder / split / "walk.npz",
            images=random.integers(0, 256, (frames, 2, 3, 64, 64), np.uint8),
            pose_cm=random.normal(0, 30, (frames, 16, 3)).astype(np.float32),
            pelvis_cm=random.normal((-6, 20, 70), 3, (frames, 3)).astype(np.float32),
        )


def _write_published(folder: Path) -> None:
    """Random weights of EgoTAP's networks and of EgoPoseFormer at smoke size, as their authors publish them."""
    skeleton, size = unrealego(), Tiny(depth=1)
    torch.manual_seed(1)
    published.publish(
        folder,
        lifter=published.egotap_lifter(skeleton, "pu", size),
        joint=published.estimator(2 * skeleton.num_heatmap_joints),
        limb=published.estimator(4 * skeleton.num_heatmap_joints),
    )
    egoposeformer_by_hand.publish(folder / "epoch_11.ckpt", egoposeformer_by_hand.published_state(width=8, backbone=4))


def _write_recording(store: FrameStore, folder: Path) -> None:
    """Two frames of a store, as images of each view."""
    for number, views in enumerate(store.read(range(2)).images.numpy()):
        for side, image in zip(("left", "right"), views, strict=True):
            (folder / side).mkdir(parents=True, exist_ok=True)
            Image.fromarray(image.transpose(1, 2, 0)).save(folder / side / f"{number:04d}.png")
