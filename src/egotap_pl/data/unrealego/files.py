"""Reads single files of UnrealEgo: a frame's json, its two png, its npy."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float32, Float64, UInt8
from PIL import Image

from egotap_pl.core.batch import FRAME_PX, IMAGENET_MEAN, IMAGENET_STD
from egotap_pl.core.errors import EgotapError
from egotap_pl.core.limits import UNREALEGO_JSON_BYTES, UNREALEGO_NPY_BYTES
from egotap_pl.core.skeleton import unrealego
from egotap_pl.data.unrealego.tree import IMAGE_FOLDERS, IMPL_FOLDER, JSON_FOLDER
from egotap_pl.data.untrusted.readers import load_npy, read_image, read_json

JOINTS = unrealego().joints
PELVIS = "pelvis"
SIDES = ("left", "right")
IMPL_PX, HEATMAP_PX = 256, 64
"""Sides of the images and the heatmaps in npy files."""

_FARTHEST_CM = 1e5
_MEAN, _STD = (np.array(x, np.float32).reshape(3, 1, 1) for x in (IMAGENET_MEAN, IMAGENET_STD))


class Points(NamedTuple):
    """The points in a frame's json: the joints of the skeleton, followed by the pelvis."""

    points_cm: Float64[np.ndarray, "v j 3"]
    """Points in each camera's frame."""

    points2d_px: Float64[np.ndarray, "v j 2"]
    """(u, v) in each view, px of the 1024 x 1024 frame."""


class Impl(NamedTuple):
    """The content of a frame's npy."""

    images: UInt8[np.ndarray, "v 3 h w"]
    """RGB images."""

    heatmaps: Float32[np.ndarray, "v j h w"]
    """Heatmaps of every joint but the head."""

    pose_cm: Float64[np.ndarray, "j 3"]
    """Every joint relative to the pelvis."""


def json_path(motion: Path, number: int) -> Path:
    """The json of a frame, in the folder of its motion."""
    return motion / JSON_FOLDER / f"frame_{number}.json"


def npy_path(motion: Path, number: int) -> Path:
    """The npy ("impl") of a frame, in the folder of its motion."""
    return motion / IMPL_FOLDER / f"frame_{number}.npy"


def png_paths(motion: Path, number: int) -> tuple[Path, Path]:
    """The left and the right image of a frame, in the folder of its motion."""
    left, right = (motion / folder / f"final_{number}.png" for folder in IMAGE_FOLDERS)
    return left, right


def read_points(path: Path) -> Points:
    """Reads the points of a frame's json.

    Raises:
        EgotapError: if the file is missing or damaged, or lacks a joint or a value.
    """
    content = read_json(path, UNREALEGO_JSON_BYTES)
    joints = content.get("joints") if isinstance(content, dict) else None
    if not isinstance(joints, dict):
        raise EgotapError(f"{path} has no 'joints': not a frame of UnrealEgo")

    def values(name: str, count: int) -> Float64[np.ndarray, "v j c"]:
        rows = [
            [numbers(path, joints, joint, f"camera_{side}_{name}", count) for joint in (*JOINTS, PELVIS)]
            for side in SIDES
        ]
        return np.array(rows, np.float64)

    return Points(values("pts3d", 3), values("pts2d", 2))


def read_pngs(paths: tuple[Path, Path], image_px: int) -> UInt8[np.ndarray, "v 3 h w"]:
    """Reads both images of a frame, reduced to ``image_px`` by averaging over areas.

    Raises:
        EgotapError: if a file is missing, damaged, or not 1024 x 1024 px.
    """
    return np.stack([resized(read_image(path, (FRAME_PX, FRAME_PX)), image_px) for path in paths])


def read_impl(path: Path, image_px: int) -> Impl:
    """Reads a frame's npy. The ImageNet normalisation of its images is undone, and they are resized to ``image_px``.

    Raises:
        EgotapError: if the file is missing, damaged, or contains anything but what UnrealEgo's files contain.
    """
    array = load_npy(path, UNREALEGO_NPY_BYTES)
    content = array.item() if array.shape == () else None
    if not isinstance(content, dict):
        raise EgotapError(f"{path} does not contain a dictionary: not a frame of UnrealEgo impl")
    images = np.stack([_pixels(path, content, f"input_rgb_{side}") for side in SIDES])
    shape = (len(JOINTS) - 1, HEATMAP_PX, HEATMAP_PX)
    heatmaps = np.stack([_array(path, content, f"gt_heatmap_{side}", shape) for side in SIDES])
    pose = _array(path, content, "gt_local_pose", (len(JOINTS), 3)).astype(np.float64)
    if image_px != IMPL_PX:
        images = np.stack([resized(Image.fromarray(image.transpose(1, 2, 0)), image_px) for image in images])
    return Impl(images, heatmaps.astype(np.float32), pose)


def normalised(images: UInt8[np.ndarray, "*v 3 h w"]) -> Float32[np.ndarray, "*v 3 h w"]:
    """Images as npy files contain them, with ImageNet's normalisation."""
    return (images.astype(np.float32) / np.float32(255) - _MEAN) / _STD


def numbers(path: Path, joints: dict[str, Any], joint: str, key: str, count: int) -> list[float]:
    """The numbers of a joint in a frame's json.

    Args:
        path: the file, for messages.
        joints: its joints by name.
        joint: name of the joint.
        key: key within the joint.
        count: how many numbers there must be.

    Raises:
        EgotapError: if the joint or the key is missing, or the value is anything else.
    """
    entry = joints.get(joint)
    values = entry.get(key) if isinstance(entry, dict) else None
    if values is None:
        raise EgotapError(f"{path}: joint {joint!r} has no {key!r}")
    are_numbers = isinstance(values, list) and len(values) == count and all(type(x) in (int, float) for x in values)
    if not are_numbers or any(abs(x) > _FARTHEST_CM for x in values):
        raise EgotapError(f"{path}: {key!r} of joint {joint!r} is not {count} numbers within {_FARTHEST_CM:g}")
    return [float(x) for x in values]


def _array(path: Path, content: dict[Any, Any], key: str, shape: tuple[int, ...]) -> np.ndarray:
    values = content.get(key)
    if not isinstance(values, np.ndarray) or values.dtype.kind != "f" or values.shape != shape:
        actual = f"{values.dtype} {values.shape}" if isinstance(values, np.ndarray) else type(values).__name__
        raise EgotapError(f"{path}: {key!r} is {actual}, expected floats of shape {shape}")
    if not np.abs(values).max() <= _FARTHEST_CM:  # refuses NaN, too; pixels and heatmaps are far smaller
        raise EgotapError(f"{path}: {key!r} has values that are not finite or larger than {_FARTHEST_CM:g}: damaged")
    return values


def _pixels(path: Path, content: dict[Any, Any], key: str) -> UInt8[np.ndarray, "3 h w"]:
    values = _array(path, content, key, (3, IMPL_PX, IMPL_PX)).astype(np.float32)
    pixels = np.rint((values * _STD + _MEAN) * np.float32(255))
    if pixels.min() < -1 or pixels.max() > 256:
        raise EgotapError(f"{path}: {key!r} is not an image normalised with ImageNet's mean and deviation")
    return pixels.clip(0, 255).astype(np.uint8)


def resized(image: Image.Image, px: int) -> UInt8[np.ndarray, "3 {px} {px}"]:
    """The pixels of an image at another size, repeated or averaged so that resizing back gives the same pixels.

    Args:
        image: a square image.
        px: height and width of the result.
    """
    square = image if image.size == (px, px) else image.resize((px, px), Image.Resampling.BOX)
    return np.ascontiguousarray(np.asarray(square).transpose(2, 0, 1))
