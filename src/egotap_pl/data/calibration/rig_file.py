"""Rig files: two cameras and the transform between them, as a small YAML file (docs/cameras.md)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from egotap_pl.core.atomic import write_text
from egotap_pl.core.camera import Camera, PolynomialCamera, StereoRig
from egotap_pl.core.errors import EgotapError
from egotap_pl.core.limits import CALIBRATION_BYTES
from egotap_pl.data.calibration.camera_file import read_camera
from egotap_pl.data.calibration.kalibr import is_kalibr, kalibr_transform
from egotap_pl.data.calibration.lenses import camera_of_numbers
from egotap_pl.data.calibration.numbers import array, first_of, size_px
from egotap_pl.data.calibration.opencv import MATRICES, opencv_transform
from egotap_pl.data.calibration.transform import ROTATIONS, Transform
from egotap_pl.data.untrusted.yaml_files import read_yaml

_TRANSFORMS = ("left_to_right", "right_to_left")
_CAMERA_FILE = ("file", "camera", "size_px", "circle_radius_px")
_TRANSFORM_FILE = ("file", "unit", "from", "to")
_NEAREST_CM, _FARTHEST_CM = 0.5, 100.0  # beyond, a translation is in another unit
_HEAD = """\
# A stereo rig: both cameras, and X_right = rotation X_left + translation_cm.
# X points right, Y down, Z forward in each camera's frame; left and right are the wearer's.
"""


def load_rig(path: Path | str) -> StereoRig:
    """The rig of a rig file.

    Args:
        path: the file. Files of calibration that it names are relative to its folder.

    Raises:
        EgotapError: if a file is missing, a key is missing or unknown, or a value cannot be what it should be; the
            message names the file and the key.
    """
    content = read_yaml(path, CALIBRATION_BYTES)
    _refuse_calibration(Path(path), content)
    _check_keys(str(path), content, ("name", "left", "right", *_TRANSFORMS))
    if missing := [side for side in ("left", "right") if side not in content]:
        raise EgotapError(f"{path}: the {missing[0]} camera is missing: add {missing[0]}, a file or numbers")
    left, right = (_camera(Path(path), side, content[side]) for side in ("left", "right"))
    name = content.get("name", Path(path).stem)
    if not isinstance(name, str) or not name:
        raise EgotapError(f"{path}: name must be text, found {str(name)[:80]!r}")
    transforms = [key for key in _TRANSFORMS if key in content]
    if len(transforms) != 1:
        raise EgotapError(
            f"{path}: needs one of {' and '.join(_TRANSFORMS)}, with a rotation and translation_cm: X_right = rotation "
            "X_left + translation_cm"
        )
    transform = _transform(Path(path), transforms[0], content)
    if transforms[0] == "right_to_left":
        transform = transform.inverse()
    distance = float(np.linalg.norm(transform.translation_cm))
    if not _NEAREST_CM <= distance <= _FARTHEST_CM:
        raise EgotapError(
            f"{path}: {transforms[0]} puts the cameras {distance:.4g} cm apart, which no headset does; translations "
            "are in cm (metres times 100, mm divided by 10)"
        )
    return StereoRig.of(name, (left, right), *transform)


def save_rig(rig: StereoRig, path: Path | str) -> None:
    """Writes a rig file. `load_rig` gives an equal rig, number for number.

    Args:
        rig: the rig.
        path: the file, which is replaced if it exists.

    Examples:
        >>> from egotap_pl.core.camera import StereoRig
        >>> save_rig(StereoRig.unrealego(), "rig.yaml")
        >>> load_rig("rig.yaml") == StereoRig.unrealego()
        True
    """
    cameras = {
        side: {"model": PolynomialCamera.model, **camera.to_dict()}
        for side, camera in zip(("left", "right"), rig.cameras, strict=True)
    }
    plain = rig.to_dict()
    transform = {"rotation": plain["rotation"], "translation_cm": plain["translation_cm"]}
    content = {"name": rig.name, **cameras, "left_to_right": transform}
    write_text(Path(path), _HEAD + yaml.safe_dump(content, sort_keys=False, default_flow_style=None, width=120))


def _refuse_calibration(path: Path, content: Mapping[str, Any]) -> None:
    """Refuses a file that a program of calibration wrote, which is only a part of a rig file."""
    if is_kalibr(content):
        cameras, unit = ("cam0", "cam1"), ""
    elif first_of(content, [f"{name}{end}" for name in MATRICES for end in ("1", "_1")]) is not None:
        cameras, unit = ("1", "2"), ", unit: mm"
    elif content and not {"left", "right", "name", *_TRANSFORMS} & set(content):
        raise EgotapError(
            f"{path}: not a rig file, which has left, right and left_to_right. If it is a calibration of one camera, "
            "write a rig file that names those of both (docs/cameras.md)"
        )
    else:
        return
    left, right = (f"{{file: {path.name}, camera: {camera}}}" for camera in cameras)
    raise EgotapError(
        f"{path}: a calibration, not a rig file. Write a rig file beside it (docs/cameras.md), with the three lines "
        f"left: {left}, right: {right} and left_to_right: {{file: {path.name}{unit}}}"
    )


def _camera(path: Path, side: str, entry: Any) -> Camera:
    where = f"{path}: {side}"
    if isinstance(entry, str):
        entry = {"file": entry}
    if not isinstance(entry, Mapping):
        raise EgotapError(
            f"{where} must be a file of calibration, or the numbers of a camera, found {str(entry)[:80]!r}"
        )
    if "file" not in entry:
        return camera_of_numbers(where, entry)
    _check_keys(where, entry, _CAMERA_FILE)
    size = size_px(f"{where}.size_px", entry["size_px"]) if "size_px" in entry else None
    circle, camera = entry.get("circle_radius_px"), entry.get("camera")
    if circle is not None and (type(circle) not in (int, float) or not 0 < circle < 1e6):
        raise EgotapError(f"{where}.circle_radius_px must be a positive number, found {str(circle)[:80]!r}")
    if camera is not None and type(camera) not in (int, str):
        raise EgotapError(f"{where}.camera must be the name or number of a camera, found {str(camera)[:80]!r}")
    return read_camera(_file(path, where, entry), camera, size, circle)


def _transform(path: Path, name: str, content: Mapping[str, Any]) -> Transform:
    where, entry = f"{path}: {name}", content[name]
    if not isinstance(entry, Mapping):
        raise EgotapError(f"{where} must have a rotation and translation_cm, or a file, found {str(entry)[:80]!r}")
    if "file" in entry:
        return _transform_of_file(path, name, content)
    _check_keys(where, entry, (*ROTATIONS, "translation_cm"))
    rotations = [key for key in ROTATIONS if key in entry]
    if len(rotations) != 1 or "translation_cm" not in entry:
        raise EgotapError(f"{where} needs translation_cm and one of {', '.join(ROTATIONS)}")
    rotation = ROTATIONS[rotations[0]](f"{where}.{rotations[0]}", entry[rotations[0]])
    return Transform(rotation, array(f"{where}.translation_cm", entry["translation_cm"], (3,)))


def _transform_of_file(path: Path, name: str, content: Mapping[str, Any]) -> Transform:
    where, entry = f"{path}: {name}", content[name]
    _check_keys(where, entry, _TRANSFORM_FILE)
    file = _file(path, where, entry)
    is_chain = is_kalibr(read_yaml(file, CALIBRATION_BYTES))
    if is_chain:
        if "unit" in entry:
            raise EgotapError(f"{where}.unit: Kalibr's files are in metres; remove it")
        ends = (str(entry.get("from", "cam0")), str(entry.get("to", "cam1")))
        transform = kalibr_transform(file, *ends)
    else:
        if "unit" not in entry:
            raise EgotapError(f"{where} has no unit: add unit: mm, cm or m (that of the squares of the pattern)")
        ends = ("1", "2")
        transform = opencv_transform(file, str(entry["unit"]))
    _check_ends(path, name, content, file, ends, is_chain)
    return transform


def _check_ends(
    path: Path, name: str, content: Mapping[str, Any], file: Path, ends: tuple[str, str], is_chain: bool
) -> None:
    """Refuses a transform that a file gives for other cameras than those that the rig has from the same file.

    Most often it leads in the other direction, which nothing else would notice.
    """
    sides = name.split("_to_")
    cameras = [_camera_in(path, file, content[side], "cam0" if is_chain else None) for side in sides]
    if all(camera in (None, end) for camera, end in zip(cameras, ends, strict=True)):
        return
    actual = " and ".join(f"{side} is {camera}" for side, camera in zip(sides, cameras, strict=True) if camera)
    remedy = f"say from: {cameras[0]}, to: {cameras[1]}" if is_chain else f"write {'_to_'.join(sides[::-1])}"
    if cameras[0] == cameras[1]:
        remedy = f"say which camera of the file each is, camera: {ends[0]} and camera: {ends[1]}"
    raise EgotapError(f"{path}: {name} leads from camera {ends[0]} to {ends[1]} of {file}, but {actual}: {remedy}")


def _camera_in(path: Path, file: Path, entry: Any, default: str | None) -> str | None:
    """Which camera of a file one of the rig's is; None if it is of another file, or neither says."""
    settings = {"file": entry} if isinstance(entry, str) else entry
    if "file" not in settings or (path.parent / settings["file"]).resolve() != file.resolve():
        return None
    camera = settings.get("camera", default)
    return None if camera is None else str(camera).removeprefix("_")


def _file(path: Path, where: str, entry: Mapping[str, Any]) -> Path:
    if not isinstance(entry["file"], str) or not entry["file"]:
        raise EgotapError(f"{where}.file must be the name of a file, found {str(entry['file'])[:80]!r}")
    return path.parent / entry["file"]


def _check_keys(where: str, content: Mapping[str, Any], names: Collection[str]) -> None:
    unknown = [str(key)[:80] for key in content if key not in names]
    if unknown:
        raise EgotapError(f"{where}: unknown key {unknown[0]!r}; there may be: {', '.join(names)}")
