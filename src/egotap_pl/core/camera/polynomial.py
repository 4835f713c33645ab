"""Fisheye cameras of Scaramuzza's model (OCamCalib).

A camera's axes are X right, Y down, Z forward, in cm; its pixels are (u right, v down). A point at the angle phi from
the optical axis appears rho px from the centre, where rho is the ``w2c`` polynomial of theta = phi - pi/2 =
atan(-Z / n), n = sqrt(X^2 + Y^2). A pixel (x, y) at r px from the centre has the ray (x, y, -z), where z is the ``c2w``
polynomial of r.

A calibration says nothing about what lies beyond the rim of the image circle, where its polynomials soon diverge.
There, and behind the camera, both mappings continue linearly in the angle along the same radius (by the mean px per
radian inside the circle) and flag the point. So pixels stay finite and continuous, and points far behind the camera
fall outside the frame.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from jaxtyping import Bool, Float
from numpy.polynomial import Polynomial
from torch import Tensor

from egotap_pl.core.camera.ocamcalib import usable_radius_px
from egotap_pl.core.limits import POLYNOMIAL
from egotap_pl.core.plain import check_keys, to_plain

_AXIS_RAD = 1e-4  # closer to the axis than this, rho / n is replaced by its limit: n = 0 has no direction
_TAPER_RAD = 0.02  # w2c misses zero on the axis by about 0.01 px; within this angle the error is faded out
_NEAREST_CM = 1e-3  # on the axis, points nearer than this are treated as if at this distance
_NO_DIRECTION_CM2 = 1e-24  # squared distance from the axis below which a point has no radius to move along


@dataclass(frozen=True)
class FisheyeCamera:
    """A calibrated fisheye camera: plain numbers, hashable, the same on every device.

    Raises:
        ValueError: if a number is not finite, or the polynomials do not describe a camera up to the circle's rim.

    Examples:
        >>> import torch
        >>> from egotap_pl.core.camera import FisheyeCamera
        >>> camera = FisheyeCamera.unrealego()
        >>> points_cm = torch.tensor([[0.0, 0.0, 30.0], [20.0, 0.0, 30.0], [0.0, 0.0, -30.0]])
        >>> px, inside = camera.project(points_cm)
        >>> px[:2].round().tolist()
        [[511.0, 511.0], [796.0, 511.0]]
        >>> inside.tolist()  # the last point is behind the camera
        [True, True, False]
        >>> rays, _ = camera.unproject(px[:2])
        >>> torch.allclose(rays, torch.nn.functional.normalize(points_cm[:2], dim=-1), atol=1e-4)
        True
    """

    size_px: tuple[int, int]
    """Width and height of the calibrated frame."""
    centre_px: tuple[float, float]
    """(u, v) of the optical axis."""
    c2w: tuple[float, ...]
    """Coefficients of z(r), lowest power first; used from pixel to ray."""
    w2c: tuple[float, ...]
    """Coefficients of rho(theta), lowest power first; used from point to pixel."""
    circle_radius_px: float
    """Radius of the image circle: the camera sees nothing farther from the centre."""
    affine: tuple[float, float, float] = (1.0, 0.0, 0.0)
    """OCamCalib's (c, d, e): a point (x, y) px from the centre of the ideal image appears at u = x + e y + centre u,
    v = d x + c y + centre v."""

    def __post_init__(self) -> None:
        width, height = self.size_px
        object.__setattr__(self, "size_px", (int(width), int(height)))
        for name in ("centre_px", "c2w", "w2c", "affine"):
            object.__setattr__(self, name, tuple(float(x) for x in getattr(self, name)))
        object.__setattr__(self, "circle_radius_px", float(self.circle_radius_px))
        numbers = (*self.size_px, *self.centre_px, *self.c2w, *self.w2c, *self.affine, self.circle_radius_px)
        if not all(math.isfinite(x) for x in numbers):
            raise ValueError("a camera's numbers must be finite")
        if min(*self.size_px, self.circle_radius_px) <= 0 or not self.c2w or not self.w2c:
            raise ValueError("a camera needs a positive size, a positive circle radius and both polynomials")
        if max(len(self.c2w), len(self.w2c)) > POLYNOMIAL:
            raise ValueError(f"a camera's polynomials have at most {POLYNOMIAL} coefficients")
        if abs(_determinant(self.affine)) < 1e-6:
            raise ValueError(f"affine terms {self.affine} cannot be inverted")
        if usable_radius_px(self.c2w, self.w2c, self.circle_radius_px) < self.circle_radius_px:
            raise ValueError(f"the polynomials disagree inside the image circle of {self.circle_radius_px:g} px")

    @classmethod
    def unrealego(cls) -> FisheyeCamera:
        """UnrealEgo's camera; both views have the same calibration.

        The published 2D points follow the formula without affine terms, so there are none here. Those of the
        calibration (c 0.999997845608931, d -3.641214346960503e-05, e -4.92182252254407e-05) would move no pixel by as
        much as 0.03 px.
        """
        return cls(
            size_px=(1024, 1024),
            centre_px=(511.1183388444314, 510.8730105600536),
            c2w=_UNREALEGO_C2W,
            w2c=_UNREALEGO_W2C,
            circle_radius_px=512.0,
        )

    def to_dict(self) -> dict[str, Any]:
        """The same as plain lists and numbers, for JSON."""
        return to_plain(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> FisheyeCamera:
        """Inverse of `to_dict`.

        Raises:
            ValueError: if a key is missing or unknown, or the values do not describe a camera.
        """
        check_keys("camera", data, cls)
        values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in data.items()}
        return cls(**values)

    def cropped(self, left_px: float | int, top_px: float | int, side_px: float | int, to_px: int) -> FisheyeCamera:
        """The camera of a square that is cut out of the frame and resized.

        A point (u, v) moves to ((u - left) s, (v - top) s), s = to_px / side_px, as annotated 2D points do.

        Args:
            left_px: u of the square's left edge.
            top_px: v of its top edge.
            side_px: its side before resizing.
            to_px: its side after resizing.
        """
        scale = to_px / side_px
        return FisheyeCamera(
            size_px=(to_px, to_px),
            centre_px=((self.centre_px[0] - left_px) * scale, (self.centre_px[1] - top_px) * scale),
            c2w=tuple(a * scale ** (1 - k) for k, a in enumerate(self.c2w)),
            w2c=tuple(a * scale for a in self.w2c),
            circle_radius_px=self.circle_radius_px * scale,
            affine=self.affine,
        )

    @cached_property
    def max_angle_rad(self) -> float:
        """Angle off the axis at the rim of the image circle."""
        return math.atan2(self.circle_radius_px, -float(Polynomial(self.c2w)(self.circle_radius_px)))

    @cached_property
    def _rho(self) -> tuple[float, ...]:
        # w2c as a function of x in [-1, 1] instead of theta: a hundred times more accurate in float32.
        domain = (-math.pi / 2, self.max_angle_rad - math.pi / 2)
        return tuple(Polynomial(self.w2c).convert(domain=domain, window=(-1, 1), kind=Polynomial).coef.tolist())

    @cached_property
    def _px_per_rad(self) -> float:
        return self.circle_radius_px / self.max_angle_rad

    def project(self, points_cm: Float[Tensor, "*n 3"]) -> tuple[Float[Tensor, "*n 2"], Bool[Tensor, "*n"]]:
        """Pixels of points in the camera's frame, and whether each is inside the view (differentiable).

        A point is inside if it is in front of the camera and its pixel is within the image circle and the frame.
        Beyond the circle, pixels continue along their radius (see the module's docstring). The camera's own position
        projects to the centre, and a point straight behind the camera, which has no radius, to the right. Coordinates
        that are not finite give NaN.
        """
        x, y, z = points_cm.unbind(-1)
        n2 = x * x + y * y
        no_direction = n2 <= _NO_DIRECTION_CM2
        on_axis = (z >= 0) & (no_direction | (n2 <= (_AXIS_RAD * z).square()))
        behind = (z < 0) & no_direction
        n = torch.where(on_axis | behind, 1.0, n2).sqrt()
        angle = torch.where(behind, math.pi, torch.atan2(n, torch.where(behind, 1.0, z)))
        rho = self._rho_px(angle)
        per_cm = torch.where(on_axis, self._slope_on_axis / z.clamp(min=_NEAREST_CM), rho / n)
        x, y = torch.where(behind, rho, x * per_cm), torch.where(behind, 0.0, y * per_cm)
        c, d, e = self.affine
        u, v = x + self.centre_px[0], y + self.centre_px[1]
        if self.affine != (1.0, 0.0, 0.0):
            u, v = u + e * y, v + (c - 1.0) * y + d * x
        px = torch.stack((u, v), -1)
        in_circle = torch.where(on_axis | behind, z > 0, angle <= self.max_angle_rad)
        return px, in_circle & self.in_frame(px)

    def unproject(self, px: Float[Tensor, "*n 2"]) -> tuple[Float[Tensor, "*n 3"], Bool[Tensor, "*n"]]:
        """Unit rays of pixels in the camera's frame, and whether each is inside the view (differentiable)."""
        x, y = px[..., 0] - self.centre_px[0], px[..., 1] - self.centre_px[1]
        if self.affine != (1.0, 0.0, 0.0):
            c, d, e = self.affine
            inverse = 1.0 / _determinant(self.affine)
            x, y = (c * x - e * y) * inverse, (y - d * x) * inverse
        r2 = x * x + y * y
        centre = r2 == 0
        r = torch.where(centre, 1.0, r2).sqrt()
        beyond = r > self.circle_radius_px
        z = -_horner(self.c2w, torch.where(centre, 0.0, r.clamp(max=self.circle_radius_px)))
        angle = (self.max_angle_rad + (r - self.circle_radius_px) / self._px_per_rad).clamp(max=math.pi)
        z = torch.where(beyond, r * torch.cos(angle), z)
        across = torch.where(beyond, torch.sin(angle), 1.0)
        rays = torch.nn.functional.normalize(torch.stack((x * across, y * across, z), -1), dim=-1)
        return rays, ~beyond & self.in_frame(px)

    def in_frame(self, px: Float[Tensor, "*n 2"]) -> Bool[Tensor, "*n"]:
        """Whether each pixel is in the frame; the image circle does not matter."""
        u, v = px.unbind(-1)
        return (u >= 0) & (u < self.size_px[0]) & (v >= 0) & (v < self.size_px[1])

    @cached_property
    def _centre_miss_px(self) -> float:
        return float(Polynomial(self.w2c)(-math.pi / 2))

    @cached_property
    def _slope_on_axis(self) -> float:
        return float(Polynomial(self.w2c).deriv()(-math.pi / 2)) + self._centre_miss_px / _TAPER_RAD

    def _rho_px(self, angle: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
        within = angle.clamp(max=self.max_angle_rad)
        rho = _horner(self._rho, within * (2.0 / self.max_angle_rad) - 1.0)
        miss = self._centre_miss_px * (1.0 - angle / _TAPER_RAD).clamp(min=0.0)
        return rho - miss + (angle - within) * self._px_per_rad


def _horner(coefficients: tuple[float, ...], x: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
    value = torch.full_like(x, coefficients[-1])
    for coefficient in reversed(coefficients[:-1]):
        value = value * x + coefficient
    return value


def _determinant(affine: tuple[float, float, float]) -> float:
    return affine[0] - affine[1] * affine[2]


# fmt: off
_UNREALEGO_C2W = (
    -516.7691300636768, 0.0, 0.001827567433476, -9.458375642153957e-06, 4.460350926140045e-08, -9.434841474792276e-11,
    8.099831344095236e-14,
)
_UNREALEGO_W2C = (
    541.084422, 133.996745, -53.833198, 60.96083, -24.78051, 12.451492, -30.240511, 26.90122, 116.38499, -133.991117,
    -141.904687, 184.05592, 107.45616, -125.552875, -55.66342, 44.209519, 18.234651, -6.410899, -2.737066,
)
# fmt: on
