"""Writes frame stores as a tree of UnrealEgo's files, for programs that read those and for tests of our own reader."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from rich.console import Console

from egotap_pl.core.batch import FRAME_PX, Batch
from egotap_pl.core.camera import StereoRig
from egotap_pl.core.errors import EgotapError
from egotap_pl.core.heatmap import joint_heatmaps
from egotap_pl.core.skeleton import unrealego
from egotap_pl.data.preparation.trees import check_unique, safe_name, stores_of, write_file, write_frames
from egotap_pl.data.store.reader import FrameStore
from egotap_pl.data.unrealego.files import (
    HEATMAP_PX,
    IMPL_PX,
    JOINTS,
    PELVIS,
    SIDES,
    json_path,
    normalised,
    npy_path,
    png_paths,
    resized,
)
from egotap_pl.data.unrealego.tree import LEVELS, ROOT_NAME, category_folder


def write_unrealego(
    folder: Path | str, output: Path | str, workers: int | None = None, console: Console | None = None
) -> int:
    """Writes frame stores as lists (``output/train.txt`` and so on) and a tree (``output/UnrealEgoData/...``).

    Images of another size than the files' are enlarged by repeating pixels, or reduced by averaging. Depth images are
    not written; ``ground_z_value`` and ``rot`` are zero, and ``trans`` is in the left camera's frame. Existing files
    are kept, so that an interrupted job continues where it was.

    Args:
        folder: folder of the stores, with UnrealEgo's skeleton, parallel cameras and poses relative to the pelvis.
        output: folder of the tree, which may already contain a part of it.
        workers: number of processes that write; all processors by default, 0 for this process alone.
        console: where progress is shown; the standard output by default.

    Returns:
        The number of frames in the tree.

    Raises:
        EgotapError: if there are no stores, or they contain anything that UnrealEgo's files cannot.
    """
    output = Path(output).absolute()
    stores = stores_of(folder)
    for split, store in stores.items():
        _check(store)
        motions = [motion_folder(store, row) for row in range(len(store))]
        check_unique(store, motions)
        lines = "".join(f"./{ROOT_NAME}/{motion}\n" for motion in dict.fromkeys(motions))
        write_file(output / f"{split}.txt", lines.encode())
        write_frames(split, store, partial(_write_frames, store, output), workers, console)
    return sum(len(store) for store in stores.values())


def motion_folder(store: FrameStore, row: int) -> str:
    """The folder of a frame: ``<environment>/<Day or Night>/<human>/<glasses>/<category>/<motion>``.

    A motion that came from such a tree keeps its name.
    """
    names = store.name_frames([row])
    category, subject, motion = names.category[0], names.subject[0], names.motion[0]
    parts = motion.split("/")
    if len(parts) == len(LEVELS) and parts[2] == subject and parts[4][:3] == category_folder(category):
        return motion
    source = store.header.source.get("source", "store")
    return "/".join(
        (
            safe_name(str(source)),
            "Day",
            safe_name(subject),
            safe_name(store.rig.name),
            category_folder(category),
            safe_name(motion),
        )
    )


@dataclass(frozen=True)
class _Frame:
    """A frame to write."""

    batch: Batch
    """The batch that contains it."""

    row: int
    """Its row in the batch."""

    folder: Path
    """Folder of its motion."""

    number: int
    """Its number within the motion."""

    @property
    def points_cm(self) -> np.ndarray:
        """All joints and the pelvis, in each camera's frame."""
        pose = np.concatenate((self.batch.pose_cm[self.row].double().numpy(), np.zeros((1, 3))))
        return pose + self.batch.origin_cm[self.row].double().numpy()[:, None]


def _check(store: FrameStore) -> None:
    has_joints, is_parallel = store.skeleton.joints == unrealego().joints, np.allclose(store.rig.rotation, np.eye(3))
    if not has_joints or not is_parallel or store.rig.cameras != StereoRig.unrealego().cameras:
        raise EgotapError(
            f"{store.path} cannot be written as UnrealEgo's files: they need its skeleton and glasses, not "
            f"{store.skeleton.name} seen by {store.rig.name}; prepare it with data=egosynth"
        )
    if store.header.source.get("origin", "pelvis") != "pelvis":
        raise EgotapError(
            f"{store.path} cannot be written as UnrealEgo's files: its poses are not relative to the pelvis"
        )


def _write_frames(store: FrameStore, output: Path, rows: Sequence[int]) -> int:
    batch, numbers = store.read(list(rows)), store.name_frames(list(rows)).frame_number
    for batch_row, store_row in enumerate(rows):
        folder = output / ROOT_NAME / motion_folder(store, store_row)
        _write_frame(store, _Frame(batch, batch_row, folder, int(numbers[batch_row])))
    return len(rows)


def _write_frame(store: FrameStore, frame: _Frame) -> None:
    images = [Image.fromarray(image.transpose(1, 2, 0)) for image in frame.batch.images[frame.row].numpy()]
    pngs = png_paths(frame.folder, frame.number)
    for path, image in zip(pngs, images, strict=True):
        if not path.exists():
            buffer = io.BytesIO()
            Image.fromarray(resized(image, FRAME_PX).transpose(1, 2, 0)).save(buffer, "PNG", compress_level=1)
            write_file(path, buffer.getvalue())
    if not (path := npy_path(frame.folder, frame.number)).exists():
        buffer = io.BytesIO()
        np.save(buffer, np.array(_impl(frame, images), dtype=object), allow_pickle=True)
        write_file(path, buffer.getvalue())
    if not (path := json_path(frame.folder, frame.number)).exists():
        write_file(path, json.dumps(_json(store, frame)).encode())


def _impl(frame: _Frame, images: Sequence[Image.Image]) -> dict[str, np.ndarray]:
    points2d_px = frame.batch.points2d_px[frame.row : frame.row + 1]
    heatmaps = joint_heatmaps(points2d_px, unrealego(), HEATMAP_PX)[0].numpy()
    content = {}
    for view, side in enumerate(SIDES):
        content[f"input_rgb_{side}"] = normalised(resized(images[view], IMPL_PX)).astype(np.float32)
        content[f"gt_heatmap_{side}"] = heatmaps[view].astype(np.float32)
    return {**content, "gt_local_pose": frame.batch.pose_cm[frame.row].numpy()}


def _json(store: FrameStore, frame: _Frame) -> dict[str, Any]:
    points = frame.points_cm
    pelvis_px, _ = store.rig.project_views(torch.from_numpy(points[:, -1:]))
    points2d = torch.cat((frame.batch.points2d_px[frame.row].double(), pelvis_px), 1).numpy()
    joints = {
        joint: {
            "trans": points[0, j].tolist(),
            "rot": [0.0, 0.0, 0.0],
            **{f"camera_{side}_pts3d": points[view, j].tolist() for view, side in enumerate(SIDES)},
            **{f"camera_{side}_pts2d": points2d[view, j].tolist() for view, side in enumerate(SIDES)},
        }
        for j, joint in enumerate((*JOINTS, PELVIS))
    }
    return {"ground_z_value": 0.0, "joints": joints}
