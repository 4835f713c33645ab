"""Reads the labels of a frame: joints in both cameras' frames, 2D points, and the headset's place in them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float64

from egotap_pl.core.batch import FRAME_PX
from egotap_pl.core.camera import StereoRig
from egotap_pl.core.errors import EgotapError
from egotap_pl.core.limits import UNREALEGO_JSON_BYTES
from egotap_pl.core.skeleton import unrealego
from egotap_pl.data.calibration.transform import Transform
from egotap_pl.data.device_relative.dataset import Dataset
from egotap_pl.data.device_relative.device import (
    DeviceToViews,
    device_to_views,
    moved,
    rigid_fit,
)
from egotap_pl.data.unrealego.files import numbers
from egotap_pl.data.untrusted.readers import read_json

_RIGID_CM = 0.5  # farthest that a joint may be from where a rigid transform between two frames puts it
_THIGHS = [unrealego().joints.index(f"thigh_{side}") for side in "lr"]
_DEVICE = "device_pts3d"


class Labels(NamedTuple):
    """What a frame's json says of the joints of the skeleton."""

    points_cm: Float64[np.ndarray, "v j 3"]
    """The joints in each camera's frame."""

    points2d_px: Float64[np.ndarray, "v j 2"]
    """(u, v) in each view, px of the 1024 x 1024 frame."""

    device: DeviceToViews
    """From the headset's frame to each camera's."""

    pelvis_cm: Float64[np.ndarray, "v 3"] | None
    """The pelvis in each camera's frame; None: the file does not say."""


def read_labels(path: Path, dataset: Dataset, rig: StereoRig, device: DeviceToViews) -> Labels:
    """Reads the labels of a frame in either of the two published forms.

    The full form has every joint in both cameras' frames, with its 2D points. The short form is that of predictions for
    the benchmark's server, ``{joint: [x, y, z]}`` relative to the headset: there, the rig says the rest. Data
    sets whose headset need not be in the middle of its cameras have the full form only.

    Args:
        path: the json file.
        dataset: names of what is in it.
        rig: the two cameras, with frames of 1024 x 1024 px.
        device: where the headset is, for the short form.

    Raises:
        EgotapError: if the file is missing or damaged, lacks a joint or a value, or its points do not fit together.
    """
    content, joints = _content(path, dataset)
    if joints is not None:
        return _full(path, joints, dataset)
    points_cm = np.array([_position(path, content, joint) for joint in dataset.joints])
    views = np.stack([moved(transform, points_cm) for transform in device])
    px, _ = rig.project_views(torch.from_numpy(views))
    return Labels(views, px.numpy(), device, None if dataset.pelvis else views[:, _THIGHS].mean(1))


def read_full_labels(path: Path, dataset: Dataset) -> Labels | None:
    """The labels of a frame; None if the file is of the short form (`read_labels`).

    Raises:
        EgotapError: see `read_labels`.
    """
    _, joints = _content(path, dataset)
    return None if joints is None else _full(path, joints, dataset)


def _content(path: Path, dataset: Dataset) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """What is in the file, and its joints if it is of the full form."""
    content = read_json(path, UNREALEGO_JSON_BYTES)
    joints = content.get("joints") if isinstance(content, dict) else None
    is_full = isinstance(joints, dict)
    if not is_full and dataset.has_device_points:
        raise EgotapError(f"{path} has no 'joints': not a frame of {dataset.title}")
    if not is_full and not (isinstance(content, dict) and dataset.joints[0] in content):
        raise EgotapError(
            f"{path} has neither 'joints' nor {dataset.joints[0]!r}: not a frame of {dataset.title}, whose joints "
            f"are called {', '.join(dataset.joints[:3])} ..."
        )
    return content, joints if is_full else None


def _full(path: Path, joints: dict[str, Any], dataset: Dataset) -> Labels:
    def values(names: tuple[str, ...], key: str, count: int) -> Float64[np.ndarray, "j c"]:
        return np.array([numbers(path, joints, name, key, count) for name in names], np.float64)

    points_cm = np.stack([values(dataset.joints, f"{camera}_pts3d", 3) for camera in dataset.cameras])
    px = np.stack([values(dataset.joints, f"{camera}_pts2d", 2) for camera in dataset.cameras])
    first = joints[dataset.joints[0]]
    if dataset.has_device_points or (isinstance(first, dict) and _DEVICE in first):
        device_cm = values(dataset.joints, _DEVICE, 3)
        places = zip(points_cm, dataset.cameras, strict=True)
        left, right = (_rigid(path, device_cm, view, _DEVICE, f"{camera}_pts3d") for view, camera in places)
    else:
        keys = (f"{camera}_pts3d" for camera in dataset.cameras)
        left, right = device_to_views(_rigid(path, *points_cm, *keys))
    if dataset.pelvis is None:
        pelvis = points_cm[:, _THIGHS].mean(1)
    elif dataset.pelvis in joints:
        pelvis = np.stack([values((dataset.pelvis,), f"{camera}_pts3d", 3)[0] for camera in dataset.cameras])
    else:
        pelvis = None
    return Labels(points_cm, px * (FRAME_PX / dataset.frame_px), (left, right), pelvis)


def _rigid(
    path: Path, first_cm: Float64[np.ndarray, "j 3"], second_cm: Float64[np.ndarray, "j 3"], first: str, second: str
) -> Transform:
    """The rigid transform between the same joints in two frames, each called after the key that has them."""
    transform = rigid_fit(first_cm, second_cm)
    distance = float(np.linalg.norm(moved(transform, first_cm) - second_cm, axis=-1).max())
    if not distance <= _RIGID_CM:
        raise EgotapError(
            f"{path}: {second!r} and {first!r} are not the same body: after the best rigid transform, a joint is still "
            f"{distance:.3g} cm away; they are of different frames, axes or units"
        )
    return transform


def _position(path: Path, content: dict[str, Any], joint: str) -> list[float]:
    return numbers(path, {joint: {"position": content.get(joint)}}, joint, "position", 3)
