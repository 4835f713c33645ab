"""Poses in the form that the server of UnrealEgo2 and UnrealEgo-RW took: a json file per frame, device-relative."""

from __future__ import annotations

import json
import zipfile
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from egotap_pl.core.errors import EgotapError
from egotap_pl.data.device_relative import Ego4ViewSyn, UnrealEgo2, UnrealEgoRW
from egotap_pl.data.recordings.frames import StereoInput, StoreFrames
from egotap_pl.engine.checkpoints.loading import About
from egotap_pl.engine.prediction.pose_writer import PoseRows, PoseWriter

_DATASETS = {dataset.name: dataset for dataset in (UnrealEgo2, UnrealEgoRW, Ego4ViewSyn)}
_DIGITS = 5


@dataclass(frozen=True)
class DeviceForm:
    """How the joints are called, and how the headset's axes are to the left camera's."""

    joints: tuple[str, ...]
    """Names of all joints of the skeleton."""

    left_from_device: tuple[tuple[float, ...], ...]
    """Rows of the rotation from the headset's axes to the left camera's."""

    def turned(self, pose_cm: Float[np.ndarray, "n j 3"]) -> Float[np.ndarray, "n j 3"]:
        """Poses in the headset's axes, from poses in the left camera's."""
        return pose_cm.astype(np.float64) @ np.array(self.left_from_device)


class ZipWriter(PoseWriter):
    """Writes ``<name of the file>/<motion>/json/frame_<n>.json``, as the benchmark's server took them."""

    folder = "poses"
    """Folder within the file."""

    form: DeviceForm | None = None
    """Names and axes; None: the skeleton's names, the left camera's axes."""

    def open(self) -> None:
        """See `PoseWriter`."""
        self._file = zipfile.ZipFile(self.path, "w", zipfile.ZIP_DEFLATED)

    def close(self, is_complete: bool) -> None:
        """See `PoseWriter`."""
        self._file.close()

    def add(self, rows: PoseRows) -> None:
        """See `PoseWriter`."""
        skeleton = self.origin.skeleton
        names = [(self.form.joints if self.form else skeleton.joints)[joint] for joint in skeleton.estimated]
        poses = rows.pose_cm if self.form is None else self.form.turned(rows.pose_cm)
        for pose, number, name in zip(poses, rows.frame, rows.name, strict=True):
            content = dict(zip(names, pose.astype(np.float64).round(_DIGITS).tolist(), strict=True))
            # A ZipInfo made of a name alone has a fixed date, so that equal poses give equal files.
            entry = zipfile.ZipInfo(f"{self.folder}/{_place(name, number)}")
            self._file.writestr(entry, json.dumps(content, indent=1), zipfile.ZIP_DEFLATED)


def device_form(about: About, recording: StereoInput, output: str) -> DeviceForm:
    """The form of poses for the benchmark whose frames an input has.

    Args:
        about: the description of the checkpoint that estimates the poses.
        recording: the input.
        output: the file to be written, for messages.

    Raises:
        EgotapError: if the input is not prepared data of a data set that has this form, or the checkpoint was not
            trained on poses relative to the headset.
    """
    titles = ", ".join(f"data={name}" for name in _DATASETS)
    if not isinstance(recording, StoreFrames):
        raise EgotapError(
            f"output={output}: a .zip names its files after a data set's motions, and needs prepared data of one of: "
            f"{titles}; for other inputs, write .h5, .csv or .npz"
        )
    source = recording.store.header.source
    dataset = _DATASETS.get(str(source.get("source")))
    if dataset is None:
        raise EgotapError(
            f"output={output}: {recording.store.path} is of {source.get('source')}, but a .zip is for prepared data of "
            f"one of: {titles}; for others, write .h5, .csv or .npz"
        )
    if _origin(about.data) != "Device":
        raise EgotapError(
            f"output={output}: {dataset.title} is measured relative to the headset, but the checkpoint was trained on "
            f"{about.data['name']}, whose poses are relative to another origin: train it with data={dataset.name}"
        )
    return DeviceForm(dataset.joints, _rotation(recording, source.get("left_axes_from_device")))


def _rotation(recording: StoreFrames, rows: Any) -> tuple[tuple[float, ...], ...]:
    """The rotation in a store's header."""
    is_square = (
        isinstance(rows, list) and len(rows) == 3 and all(isinstance(row, list) and len(row) == 3 for row in rows)
    )
    if not is_square or not all(type(x) in (int, float) and abs(x) <= 1.1 for row in rows for x in row):
        raise EgotapError(f"{recording.store.path}: its source's left_axes_from_device is not a rotation: damaged")
    return tuple(tuple(float(x) for x in row) for row in rows)


def _origin(data: Any) -> str:
    """Name of the class of the origin of the poses that a checkpoint was trained on; empty if there is none."""
    source = data.get("source")
    origin = source.get("origin") if isinstance(source, dict) else None
    target = origin.get("_target_") if isinstance(origin, dict) else None
    return target.rpartition(".")[2] if isinstance(target, str) else ""


def _place(name: str, number: int) -> str:
    """Path of a frame's file. The name of a stored frame is subject/motion/number, with folders in the motion."""
    parts = name.split("/")
    if len(parts) < 3:
        return f"json/frame_{number}.json"
    _, *motion, stored = parts
    if any(part in ("", ".", "..") or "\\" in part for part in motion):
        raise EgotapError(f"{name}: the motion is not a path of folders; its poses cannot be written to a .zip")
    return "/".join((*motion, "json", f"frame_{stored}.json"))
