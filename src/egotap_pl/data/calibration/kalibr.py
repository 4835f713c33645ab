"""Reads Kalibr's camchain files: cameras of the models "pinhole" and "equidistant", and the transforms between them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from egotap_pl.core.camera import KannalaBrandtCamera
from egotap_pl.core.errors import EgotapError
from egotap_pl.core.limits import CALIBRATION_BYTES
from egotap_pl.data.calibration.lenses import kannala_brandt_camera
from egotap_pl.data.calibration.numbers import Place, array, size_px
from egotap_pl.data.calibration.transform import Transform, rotation_matrix
from egotap_pl.data.untrusted.yaml_files import read_yaml

_CM_PER_M = 100.0
_NAME = re.compile(r"cam(0|[1-9]\d?)")


def read_kalibr(path: Place, camera: str = "cam0", circle_radius_px: float | int | None = None) -> KannalaBrandtCamera:
    """A camera of a chain.

    Args:
        path: the camchain file.
        camera: name of the camera in it.
        circle_radius_px: radius of the image circle, which the file does not contain; None: as far as the frame
            reaches.

    Raises:
        EgotapError: if the file is missing, not of this form, of another model, or its numbers cannot be those of a
            camera.
    """
    entry = _entry(path, read_yaml(path, CALIBRATION_BYTES), camera)
    models = entry.get("camera_model"), entry.get("distortion_model")
    if models != ("pinhole", "equidistant"):
        raise EgotapError(
            f"{path}: {camera} has camera_model {str(models[0])[:80]!r} and distortion_model {str(models[1])[:80]!r}, "
            "but only pinhole with equidistant is read: calibrate with --models pinhole-equi pinhole-equi"
        )
    fx, fy, u, v = array(f"{path}: {camera}.intrinsics", entry.get("intrinsics"), (4,)).tolist()
    k1, k2, k3, k4 = array(f"{path}: {camera}.distortion_coeffs", entry.get("distortion_coeffs"), (4,)).tolist()
    size = size_px(f"{path}: {camera}.resolution", entry.get("resolution"))
    return kannala_brandt_camera(f"{path}: {camera}", size, (u, v), (fx, fy), (k1, k2, k3, k4), 0.0, circle_radius_px)


def kalibr_transform(path: Place, first: str = "cam0", second: str = "cam1") -> Transform:
    """The transform from one camera of a chain to another; Kalibr's metres become centimetres.

    Args:
        path: the camchain file.
        first: name of the camera from which the transform leads.
        second: name of the camera to which it leads.

    Raises:
        EgotapError: if the file is missing or not of this form.
    """
    content = read_yaml(path, CALIBRATION_BYTES)
    numbers = [_number(path, content, name) for name in (first, second)]
    transform = Transform(np.eye(3), np.zeros(3))
    for number in range(min(numbers) + 1, max(numbers) + 1):
        name = f"cam{number}"
        rows = array(f"{path}: {name}.T_cn_cnm1", _entry(path, content, name).get("T_cn_cnm1"), (4, 4))
        if not np.allclose(rows[3], (0, 0, 0, 1)):
            raise EgotapError(f"{path}: {name}.T_cn_cnm1 must end with the row [0, 0, 0, 1], found {rows[3].tolist()}")
        rotation = rotation_matrix(f"{path}: the rotation in {name}.T_cn_cnm1", rows[:3, :3].tolist())
        transform = Transform(rotation, rows[:3, 3] * _CM_PER_M).after(transform)
    return transform if numbers[0] <= numbers[1] else transform.inverse()


def is_kalibr(content: Mapping[str, Any]) -> bool:
    """Whether the content of a YAML file is a camchain."""
    return any(isinstance(key, str) and _NAME.fullmatch(key) for key in content)


def _number(path: Place, content: Mapping[str, Any], camera: str) -> int:
    _entry(path, content, camera)
    return int(camera.removeprefix("cam"))


def _entry(path: Place, content: Mapping[str, Any], camera: str) -> Mapping[str, Any]:
    entry = content.get(camera) if isinstance(camera, str) and _NAME.fullmatch(camera) else None
    if not isinstance(entry, Mapping):
        names = [key for key in content if isinstance(key, str) and _NAME.fullmatch(key)]
        raise EgotapError(
            f"{path}: has no camera {str(camera)[:80]!r}; it has {', '.join(names) or 'no cameras'}"[:400]
        )
    return entry
