"""Reads YAML files that OpenCV's FileStorage wrote, and those of programs that imitate it (ROS).

Only OpenCV's fisheye model is read. K and D may have any of the names in the tables below; in a file of two cameras,
the names end with 1 and 2, as in OpenCV's samples, beside R and T with X_2 = R X_1 + T.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from egotap_pl.core.camera import KannalaBrandtCamera
from egotap_pl.core.errors import EgotapError
from egotap_pl.core.limits import CALIBRATION_BYTES
from egotap_pl.data.calibration.lenses import kannala_brandt_camera
from egotap_pl.data.calibration.numbers import Place, array, first_of, size_px
from egotap_pl.data.calibration.transform import Transform, rotation_matrix
from egotap_pl.data.untrusted.yaml_files import read_yaml

MATRICES = ("K", "M", "camera_matrix", "cameraMatrix", "Camera_Matrix", "intrinsic_matrix")
"""Names of the 3 x 3 matrix of focal lengths and optical axis."""
_DISTORTIONS = ("D", "distortion_coefficients", "distCoeffs", "dist_coeffs", "Distortion_Coefficients")
_SIZES = ("image_size", "imageSize", "size", "resolution")
_MODELS = ("distortion_model", "camera_model", "model")
_FISHEYE = ("fisheye", "equidistant", "kannala_brandt", "opencv_fisheye")
CM = {"mm": 0.1, "cm": 1.0, "m": 100.0}
"""Centimetres of the units in which a translation may be given."""


def read_opencv(
    path: Place,
    camera: str | int = "",
    frame_px: tuple[int, int] | None = None,
    circle_radius_px: float | int | None = None,
) -> KannalaBrandtCamera:
    """A camera of OpenCV's fisheye model.

    Args:
        path: the file.
        camera: end of the names of its matrices: 1 or 2 in a file of two cameras.
        frame_px: width and height of the calibrated frames; None: the file says so.
        circle_radius_px: radius of the image circle, which the file does not contain; None: as far as the frame
            reaches.

    Raises:
        EgotapError: if the file is missing, not of this form, of another model, or its numbers cannot be those of a
            camera.
    """
    content = read_yaml(path, CALIBRATION_BYTES)
    matrix_name, distortion_name = (_name(path, content, names, camera) for names in (MATRICES, _DISTORTIONS))
    _check_model(path, content, distortion_name)
    matrix = array(f"{path}: {matrix_name!r}", content[matrix_name], (3, 3)).tolist()
    (fx, shear, u), (below, fy, v), last = matrix
    if below or last != [0.0, 0.0, 1.0] or fx <= 0:
        raise EgotapError(f"{path}: {matrix_name!r} must be [[fx, skew, u], [0, fy, v], [0, 0, 1]], found {matrix}")
    k1, k2, k3, k4 = array(f"{path}: {distortion_name!r}", content[distortion_name], (4,)).tolist()
    size = _size(path, content, frame_px)
    return kannala_brandt_camera(path, size, (u, v), (fx, fy), (k1, k2, k3, k4), shear / fx, circle_radius_px)


def opencv_transform(path: Place, unit: str) -> Transform:
    """The transform from camera 1 to camera 2 of ``cv2.fisheye.stereoCalibrate``.

    Args:
        path: the file, with R (3 x 3, or a rotation vector) and T.
        unit: unit of T, that of the calibration pattern's squares: mm, cm or m.

    Raises:
        EgotapError: if the file is missing, not of this form, or the unit is unknown.
    """
    if unit not in CM:
        raise EgotapError(
            f"{path}: the file does not say in which unit T is: say unit: mm, cm or m (that of the squares of the "
            f"calibration pattern), not {unit!r}"
        )
    content = read_yaml(path, CALIBRATION_BYTES)
    if not {"R", "T"} <= set(content):
        raise EgotapError(f"{path}: expected R and T of cv2.fisheye.stereoCalibrate, found {list(content)}"[:400])
    return Transform(
        rotation_matrix(f"{path}: 'R'", content["R"]), array(f"{path}: 'T'", content["T"], (3,)) * CM[unit]
    )


def _name(path: Place, content: Mapping[str, Any], names: tuple[str, ...], camera: str | int) -> str:
    """The name that a file has for K or D of a camera."""
    name = first_of(content, [f"{name}{joint}{camera}" for name in names for joint in ("", "_")])
    if name is None:
        remedy = "; of its two cameras, say camera: 1 or camera: 2" if first_of(content, ("K1", "M1")) else ""
        raise EgotapError(
            f"{path}: expected {names[0]}{camera} of OpenCV's fisheye model, found {', '.join(map(str, content))}"[:400]
            + remedy
        )
    return name


def _check_model(path: Place, content: Mapping[str, Any], distortion_name: str) -> None:
    model = first_of(content, _MODELS)
    if model is not None and str(content[model]).lower() not in _FISHEYE:
        raise EgotapError(
            f"{path}: {model} is {str(content[model])[:80]!r}, but only OpenCV's fisheye model is read: calibrate with "
            "cv2.fisheye.calibrate"
        )
    value = content[distortion_name]
    count = len(value.get("data") or ()) if isinstance(value, Mapping) else len(value) if isinstance(value, list) else 0
    if count > 4:
        raise EgotapError(
            f"{path}: {distortion_name!r} has {count} numbers, as those of cv2.calibrateCamera have, but the four of "
            "cv2.fisheye.calibrate are expected: pinhole models do not describe a fisheye lens"
        )


def _size(path: Place, content: Mapping[str, Any], frame_px: tuple[int, int] | None) -> tuple[int, int]:
    """Size of the calibrated frames: what the file says, which the caller may repeat, or what the caller says."""
    name = first_of(content, _SIZES)
    if {"image_width", "image_height"} <= set(content):
        name, value = "image_width, image_height", [content["image_width"], content["image_height"]]
    elif name is not None:
        value = content[name]
    elif frame_px is not None:
        return frame_px
    else:
        raise EgotapError(
            f"{path}: does not say how large the frames are: add image_width and image_height, or say size_px beside "
            "the file"
        )
    size = size_px(f"{path}: {name!r}", value)
    if frame_px not in (None, size):
        raise EgotapError(
            f"{path}: was calibrated with frames of {size[0]} x {size[1]} px, as it says itself, not {frame_px[0]} x "
            f"{frame_px[1]}: remove size_px. Recordings may have another size of the same shape"
        )
    return size
