"""Reads a camera from whichever file of calibration there is."""

from __future__ import annotations

from pathlib import Path

from egotap_pl.core.camera import Camera
from egotap_pl.core.errors import EgotapError
from egotap_pl.core.limits import CALIBRATION_BYTES
from egotap_pl.data.calibration.camera_json import read_camera_json
from egotap_pl.data.calibration.kalibr import is_kalibr, read_kalibr
from egotap_pl.data.calibration.lenses import camera_of_numbers
from egotap_pl.data.calibration.ocamcalib import read_ocamcalib
from egotap_pl.data.calibration.opencv import read_opencv
from egotap_pl.data.untrusted.readers import read_text
from egotap_pl.data.untrusted.yaml_files import read_yaml

YAML_SUFFIXES = (".yaml", ".yml")
_MATRIX = '"opencv-'
"""In JSON that OpenCV's FileStorage wrote, the type of each matrix begins with this. JSON is YAML, too."""


def read_camera(
    path: Path | str,
    camera: str | int | None = None,
    size_px: tuple[int, int] | None = None,
    circle_radius_px: float | int | None = None,
) -> Camera:
    """The camera of a file of OCamCalib, OpenCV or Kalibr, of UnrealEgo's JSON, or of a camera's own fields as YAML.

    Args:
        path: the file. JSON and YAML are recognised by what they begin with and by ``.yaml`` or ``.yml``; YAML of
            Kalibr, of OpenCV and of our own by its keys, JSON of OpenCV by its matrices; anything else is OCamCalib's
            text.
        camera: which camera of a file of several: cam0, cam1 ... for Kalibr; 1 or 2 for OpenCV.
        size_px: width and height of the calibrated frames, which OpenCV's files may not contain.
        circle_radius_px: radius of the image circle; None: what the file says, or as far as the frame reaches and the
            lens is calibrated.

    Raises:
        EgotapError: if the file is missing, of none of these forms, or its numbers cannot be those of a camera.
    """
    start = read_text(path, CALIBRATION_BYTES).lstrip()
    if start.startswith("<"):
        raise EgotapError(
            f"{path}: XML is not read: write the file as YAML, which cv2.FileStorage does for a name in .yml"
        )
    is_yaml = start.startswith("%YAML") or Path(path).suffix.lower() in YAML_SUFFIXES or _MATRIX in start
    if not is_yaml:
        _refuse(path, camera=camera, size_px=size_px)
        return (read_camera_json if start.startswith("{") else read_ocamcalib)(path, circle_radius_px)
    content = read_yaml(path, CALIBRATION_BYTES)
    if is_kalibr(content):
        _refuse(path, size_px=size_px)
        return read_kalibr(path, "cam0" if camera is None else str(camera), circle_radius_px)
    if "model" in content and "size_px" in content:
        _refuse(path, camera=camera, size_px=size_px, circle_radius_px=circle_radius_px)
        return camera_of_numbers(str(path), content)
    return read_opencv(path, "" if camera is None else camera, size_px, circle_radius_px)


def _refuse(path: Path | str, **settings: object) -> None:
    """Refuses what a file of this form says itself."""
    for name, value in settings.items():
        if value is not None:
            raise EgotapError(f"{path}: {name}={value} has no meaning for a file of this form: remove it")
