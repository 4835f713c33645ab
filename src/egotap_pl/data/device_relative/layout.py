"""Writes frame stores as trees of these data sets' files, for programs that read those and for tests of our reader."""

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
from jaxtyping import Float64
from PIL import Image
from rich.console import Console

from egotap_pl.core.batch import FRAME_PX, Batch
from egotap_pl.core.camera import PolynomialCamera
from egotap_pl.core.errors import EgotapError
from egotap_pl.core.skeleton import unrealego
from egotap_pl.data.calibration.camera_json import camera_content
from egotap_pl.data.device_relative.dataset import Dataset
from egotap_pl.data.device_relative.device import device_to_views, left_to_right, moved
from egotap_pl.data.device_relative.places import Places
from egotap_pl.data.device_relative.roots import MotionFolders
from egotap_pl.data.preparation.trees import check_unique, stores_of, write_file, write_frames
from egotap_pl.data.store.reader import FrameStore
from egotap_pl.data.unrealego.files import resized

_JPEG_QUALITY = 95


def write_tree(
    folder: Path | str,
    output: Path | str,
    dataset: Dataset,
    places: Places,
    short: bool = False,
    workers: int | None = None,
    console: Console | None = None,
) -> int:
    """Writes frame stores in a data set's layout: lists, images, json files, calibrations.

    Images of another size than the files' are enlarged by repeating pixels, or reduced by averaging. Only what our
    reader and the data sets' own loaders read is written: no depth, no rear cameras, no body models. Existing files are
    kept, so that an interrupted job continues where it was.

    Args:
        folder: folder of the stores, with UnrealEgo's skeleton.
        output: folder of the tree, which may already contain a part of it.
        dataset: which data set's layout.
        places: where its motions are.
        short: write poses as ``{joint: [x, y, z]}``, relative to the headset.
        workers: number of processes that write; all processors by default, 0 for this process alone.
        console: where progress is shown; the standard output by default.

    Returns:
        The number of frames in the tree.

    Raises:
        EgotapError: if there are no stores, or they contain anything that the files cannot.
    """
    output = Path(output).absolute()
    stores = stores_of(folder)
    for store in stores.values():
        _check(store, dataset)
    _write_calibrations(next(iter(stores.values())), dataset, output)
    for split, store in stores.items():
        motions = places.motions(store)
        check_unique(store, motions)
        for file, content in places.files(split, store, motions).items():
            write_file(output / file, content.encode())
        job = _Job(store, dataset, output, *places.roots(split), tuple(motions), short)
        write_frames(split, store, partial(_write_frames, job), workers, console)
    return sum(len(store) for store in stores.values())


@dataclass(frozen=True)
class _Job:
    """What is written of a split, and where."""

    store: FrameStore
    dataset: Dataset
    output: Path
    image_root: str
    pose_root: str
    motions: tuple[str, ...]
    """Folder of each frame's motion."""
    short: bool

    def folders(self, row: int) -> MotionFolders:
        """Folders of a frame."""
        images = self.output / self.image_root / self.motions[row] / self.dataset.image_folder
        left, right = (images / camera for camera in self.dataset.cameras)
        json_folder = self.output / self.pose_root / self.motions[row] / self.dataset.json_folder
        return MotionFolders(self.dataset, json_folder, (left, right))


def _check(store: FrameStore, dataset: Dataset) -> None:
    if (objection := _objection(store, dataset)) is not None:
        raise EgotapError(f"{store.path} cannot be written as {dataset.title}'s files: {objection}")


def _objection(store: FrameStore, dataset: Dataset) -> str | None:
    """What the data set's files cannot hold of a store; None if they can hold it all."""
    rig = store.rig
    if store.skeleton.joints != unrealego().joints:
        return f"they need UnrealEgo's skeleton, not {store.skeleton.name}; prepare it with data=egosynth"
    if dataset.nominal_baseline_cm is not None and not np.allclose(rig.rotation, np.eye(3)):
        return f"the axes of its cameras are parallel, those of {rig.name} are not"
    if dataset.camera is not None and rig.cameras != (dataset.camera, dataset.camera):
        return f"they need UnrealEgo's cameras, not {rig.name}; prepare it with data=egosynth and without rig"
    if not all(isinstance(camera, PolynomialCamera) for camera in rig.cameras):
        return f"its calibrations are of OCamCalib's model, those of {rig.name} are not"
    return None


def _write_calibrations(store: FrameStore, dataset: Dataset, output: Path) -> None:
    """Writes ``<camera>.json`` for each camera, where the reader looks for them; nothing for a published camera."""
    if dataset.camera is not None:
        return
    for name, camera in zip(dataset.cameras, store.rig.cameras, strict=True):
        assert isinstance(camera, PolynomialCamera)
        own = camera if dataset.frame_px == FRAME_PX else camera.cropped(0, 0, FRAME_PX, dataset.frame_px)
        content = camera_content(own, name)
        write_file(output / f"{name}.json", json.dumps(content, indent=1).encode())


def _write_frames(job: _Job, rows: Sequence[int]) -> int:
    batch, numbers = job.store.read(list(rows)), job.store.name_frames(list(rows)).frame_number
    for batch_row, store_row in enumerate(rows):
        _write_frame(job, batch, batch_row, job.folders(store_row), f"frame_{numbers[batch_row]}")
    return len(rows)


def _write_frame(job: _Job, batch: Batch, row: int, folders: MotionFolders, name: str) -> None:
    for path, image in zip(folders.image_paths(name), batch.images[row].numpy(), strict=True):
        if not path.exists():
            pixels = resized(Image.fromarray(image.transpose(1, 2, 0)), job.dataset.frame_px).transpose(1, 2, 0)
            buffer = io.BytesIO()
            if path.suffix == ".png":
                Image.fromarray(pixels).save(buffer, "PNG", compress_level=1)
            else:
                Image.fromarray(pixels).save(buffer, "JPEG", quality=_JPEG_QUALITY, subsampling=0)
            write_file(path, buffer.getvalue())
    if not (path := folders.json_path(name)).exists():
        content = (_short if job.short else _full)(job, batch, row)
        write_file(path, json.dumps(content).encode())


def _views_cm(job: _Job, batch: Batch, row: int) -> Float64[np.ndarray, "v j 3"]:
    """The joints, and the origin of their pose, in each camera's frame."""
    pose = np.concatenate((batch.pose_cm[row].double().numpy(), np.zeros((1, 3))))
    left, right = batch.origin_cm[row].double().numpy()
    return np.stack((pose + left, pose @ np.array(job.store.rig.rotation).T + right))


def _device_cm(job: _Job, views: Float64[np.ndarray, "v j 3"]) -> Float64[np.ndarray, "j 3"]:
    """The same points in the headset's frame."""
    to_left, _ = device_to_views(left_to_right(job.store.rig))
    return moved(to_left.inverse(), views[0])


def _short(job: _Job, batch: Batch, row: int) -> dict[str, Any]:
    device = _device_cm(job, _views_cm(job, batch, row))
    return {joint: device[j].tolist() for j, joint in enumerate(job.dataset.joints)}


def _full(job: _Job, batch: Batch, row: int) -> dict[str, Any]:
    dataset, views = job.dataset, _views_cm(job, batch, row)
    device = _device_cm(job, views)
    origin_px, _ = job.store.rig.project_views(torch.from_numpy(views[:, -1:]))
    px = torch.cat((batch.points2d_px[row].double(), origin_px), 1).numpy() * (dataset.frame_px / FRAME_PX)
    has_pelvis = dataset.pelvis is not None and job.store.header.source.get("origin", "pelvis") == "pelvis"
    joints = {}
    for j, joint in enumerate((*dataset.joints, *([dataset.pelvis] if has_pelvis else []))):
        entry: dict[str, list[float]] = {"trans": device[j].tolist(), "rot": [0.0, 0.0, 0.0]}
        if dataset.has_device_points:
            entry = {"device_pts3d": device[j].tolist()}
        for view, camera in enumerate(dataset.cameras):
            entry[f"{camera}_pts3d"] = views[view, j].tolist()
            entry[f"{camera}_pts2d"] = px[view, j].tolist()
        joints[str(joint)] = entry
    return {"joints": joints}
