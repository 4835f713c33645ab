"""Cameras from the numbers of a calibration file, checked for what goes wrong when such files are made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from egotap_pl.core.camera import Camera, KannalaBrandtCamera, PolynomialCamera, camera_from_dict
from egotap_pl.core.camera.kannala_brandt import turning_radius_px
from egotap_pl.core.camera.ocamcalib import usable_radius_px
from egotap_pl.core.errors import EgotapError
from egotap_pl.core.messages import say

_FAR_OFF = 0.25  # of the frame's side: no lens is mounted that far off
_HALVED_OFF = 0.05  # nearer than this, it is the middle of frames of half the size
_OFF, _SWAPPED_OFF = 0.1, 0.05  # farther off than the first, and nearer than the second with u and v exchanged


def centre_objection(size_px: tuple[int, int], centre_px: Sequence[float]) -> str | None:
    """What is wrong with an optical axis, if it cannot be that of a frame; u and v are exchanged, most often.

    Args:
        size_px: width and height of the frame.
        centre_px: (u, v) of the axis.
    """
    off, swapped = (
        max(abs(x / side - 0.5) for x, side in zip(centre, size_px, strict=True))
        for centre in (centre_px, centre_px[::-1])
    )
    if off > _OFF and swapped < _SWAPPED_OFF:
        return "which is in the middle only if the two are exchanged, or if width and height are"
    if all(abs(x / side - 0.25) < _HALVED_OFF for x, side in zip(centre_px, size_px, strict=True)):
        return "which is in the middle only of frames of half that size: the size must be that of the calibrated frames"
    return f"which is {off:.0%} of its side off the middle" if off > _FAR_OFF else None


def affine_objection(affine: tuple[float, float, float]) -> str | None:
    """What affine terms should be, if these cannot be OCamCalib's c, d, e; their order is wrong, most often."""
    c, d, e = affine
    if 0.5 < c < 2 and max(abs(d), abs(e)) < 0.2:
        return None
    return "'c d e' in this order: c near 1 (the height of a pixel by its width), d and e near 0 (shear)"


def camera_of_numbers(origin: str, numbers: Mapping[str, Any]) -> Camera:
    """The camera whose fields are given. Kannala and Brandt's needs no circle: it reaches as far as those of files do.

    Args:
        origin: where the numbers are, for messages.
        numbers: fields of the camera by name, and ``model``.

    Raises:
        EgotapError: if a key is missing or unknown, or the numbers cannot be those of a camera.
    """
    is_whole = numbers.get("circle_radius_px") is not None or numbers.get("model") != KannalaBrandtCamera.model
    try:
        camera = camera_from_dict(numbers if is_whole else {**numbers, "circle_radius_px": 1.0})
    except ValueError as error:
        raise EgotapError(f"{origin}: {error}") from error
    if not is_whole:
        assert isinstance(camera, KannalaBrandtCamera)
        lens = (camera.focal_px, camera.distortion, camera.skew)
        return kannala_brandt_camera(origin, camera.size_px, camera.centre_px, *lens, None)
    if (objection := centre_objection(camera.size_px, camera.centre_px)) is not None:
        say(f"warning: {origin}: centre_px is {camera.centre_px} of frames of {camera.size_px} px, {objection}")
    return camera


def polynomial_camera(
    origin: Path | str,
    size_px: tuple[int, int],
    centre_px: tuple[float, float],
    polynomials: tuple[tuple[float, ...], tuple[float, ...]],
    affine: tuple[float, float, float],
    circle_radius_px: float | int | None,
) -> PolynomialCamera:
    """A camera of OCamCalib's model.

    Args:
        origin: the file, for messages.
        size_px: width and height of the frame.
        centre_px: (u, v) of the optical axis.
        polynomials: from pixel to ray, and from point to pixel.
        affine: OCamCalib's c, d, e.
        circle_radius_px: radius of the image circle; None: as far as the frame and the two polynomials' agreement
            reach.

    Raises:
        EgotapError: if the numbers cannot be those of a camera.
    """
    c2w, w2c = polynomials
    if (objection := affine_objection(affine)) is not None:
        raise EgotapError(f"{origin}: the affine terms are {affine}: expected {objection}")
    limit = _corner_px(size_px, centre_px, np.eye(2)) if circle_radius_px is None else circle_radius_px
    radius = usable_radius_px(c2w, w2c, limit)
    # The tolerance is relative to the radius, so a smaller circle may have to shrink further.
    while circle_radius_px is None and (smaller := usable_radius_px(c2w, w2c, radius)) < radius:
        radius = smaller
    if radius < (min(size_px) / 4 if circle_radius_px is None else circle_radius_px):
        raise EgotapError(
            f"{origin}: the two polynomials are inverse to each other only up to {radius:.0f} px from the centre, not "
            f"up to {limit:.0f} px; both must come from the same calibration, with z < 0 in front of the camera"
        )
    return _built(origin, PolynomialCamera, size_px, centre_px, c2w, w2c, float(radius), affine)


def kannala_brandt_camera(
    origin: Path | str,
    size_px: tuple[int, int],
    centre_px: tuple[float, float],
    focal_px: tuple[float, float],
    distortion: tuple[float, float, float, float],
    skew: float,
    circle_radius_px: float | int | None,
) -> KannalaBrandtCamera:
    """A camera of OpenCV's fisheye model.

    Args:
        origin: the file, for messages.
        size_px: width and height of the frame.
        centre_px: (u, v) of the optical axis.
        focal_px: focal lengths along u and v.
        distortion: k1 to k4.
        skew: OpenCV's alpha.
        circle_radius_px: radius of the image circle; None: as far as the frame reaches and pixels move outwards.

    Raises:
        EgotapError: if the numbers cannot be those of a camera.
    """
    if (objection := centre_objection(size_px, centre_px)) is not None:
        raise EgotapError(f"{origin}: the optical axis is at {centre_px} of a frame of {size_px} px, {objection}")
    if min(focal_px) <= 0 or abs(skew) >= 1:
        raise EgotapError(f"{origin}: the focal lengths {focal_px} must be positive, and the skew {skew:g} a fraction")
    linear = np.array(((1.0, skew), (0.0, focal_px[1] / focal_px[0])))
    corner, limit = _corner_px(size_px, centre_px, linear), turning_radius_px(focal_px[0], distortion)
    nearest = min(min(x, side - x) for x, side in zip(centre_px, size_px, strict=True))
    if circle_radius_px is None and limit < nearest:
        if limit < min(size_px) / 4:
            raise EgotapError(
                f"{origin}: the distortion {distortion} turns back {limit:.0f} px from the centre: calibrate again "
                "with the pattern near the rim, too"
            )
        say(
            f"{origin}: the distortion turns back {limit:.0f} px from the centre; nothing beyond is inside the view. "
            "For more, calibrate with the pattern near the rim"
        )
    radius = min(corner, limit) if circle_radius_px is None else float(circle_radius_px)
    return _built(origin, KannalaBrandtCamera, size_px, centre_px, radius, focal_px, distortion, skew)


def _built(origin: Path | str, model: type, *numbers: object):  # type: ignore[no-untyped-def]
    try:
        return model(*numbers)
    except ValueError as error:
        raise EgotapError(f"{origin}: {error}") from error


def _corner_px(size_px: tuple[int, int], centre_px: tuple[float, float], linear: Float[np.ndarray, "2 2"]) -> float:
    """Distance of the farthest corner of the frame from the centre, in the ideal image."""
    corners = np.array([(u, v) for u in (0, size_px[0]) for v in (0, size_px[1])]) - centre_px
    return float(np.linalg.norm(np.linalg.solve(linear, corners.T), axis=0).max())
