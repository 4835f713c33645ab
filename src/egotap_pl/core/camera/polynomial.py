"""Fisheye cameras of Scaramuzza's model (OCamCalib).

A point at the angle phi from the optical axis appears rho px from the centre, where rho is the ``w2c`` polynomial of
theta = phi - pi/2 = atan(-Z / n), n = sqrt(X^2 + Y^2). A pixel (x, y) at r px from the centre has the ray (x, y, -z),
where z is the ``c2w`` polynomial of r.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

from jaxtyping import Float
from numpy.polynomial import Polynomial
from torch import Tensor

from egotap_pl.core.camera.ocamcalib import usable_radius_px
from egotap_pl.core.camera.radial import RadialCamera, determinant, horner
from egotap_pl.core.limits import POLYNOMIAL
from egotap_pl.core.plain import to_plain

_TAPER_RAD = 0.02  # w2c misses zero on the axis by about 0.01 px; within this angle the error is faded out


@dataclass(frozen=True)
class PolynomialCamera(RadialCamera):
    """A fisheye camera of Scaramuzza's model: plain numbers, hashable, the same on every device.

    Raises:
        ValueError: if a number is not finite, or the polynomials do not describe a camera up to the circle's rim.

    Examples:
        >>> import torch
        >>> from egotap_pl.core.camera import PolynomialCamera
        >>> camera = PolynomialCamera.unrealego()
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

    model: ClassVar[str] = "polynomial"
    """Name of the model in files; a camera without one is of this model."""

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
        if not self.c2w or not self.w2c:
            raise ValueError("a camera needs both polynomials")
        if max(len(self.c2w), len(self.w2c)) > POLYNOMIAL:
            raise ValueError(f"a camera's polynomials have at most {POLYNOMIAL} coefficients")
        self._check(c2w=self.c2w, w2c=self.w2c, affine=self.affine)
        if len(self.affine) != 3 or abs(determinant(self.affine)) < 1e-6:
            raise ValueError(f"affine terms {self.affine} cannot be inverted")
        if usable_radius_px(self.c2w, self.w2c, self.circle_radius_px) < self.circle_radius_px:
            raise ValueError(f"the polynomials disagree inside the image circle of {self.circle_radius_px:g} px")

    @classmethod
    def unrealego(cls) -> PolynomialCamera:
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
        """The same as plain lists and numbers, for JSON.

        There is no key ``model``: the first version of frame stores had cameras of this model only.
        """
        return to_plain(self)

    @cached_property
    def max_angle_rad(self) -> float:
        """Angle off the axis at the rim of the image circle."""
        return math.atan2(self.circle_radius_px, -float(Polynomial(self.c2w)(self.circle_radius_px)))

    @cached_property
    def _rho(self) -> tuple[float, ...]:
        # w2c as a function of x in [-1, 1] instead of theta: a hundred times more accurate in float32.
        domain = (-math.pi / 2, self.max_angle_rad - math.pi / 2)
        return tuple(Polynomial(self.w2c).convert(domain=domain, window=(-1, 1), kind=Polynomial).coef.tolist())

    @property
    def _linear(self) -> tuple[float, float, float]:
        return self.affine

    @cached_property
    def _centre_miss_px(self) -> float:
        return float(Polynomial(self.w2c)(-math.pi / 2))

    @cached_property
    def _slope_on_axis(self) -> float:
        return float(Polynomial(self.w2c).deriv()(-math.pi / 2)) + self._centre_miss_px / _TAPER_RAD

    def _rho_px(self, angle: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
        rho = horner(self._rho, angle * (2.0 / self.max_angle_rad) - 1.0)
        return rho - self._centre_miss_px * (1.0 - angle / _TAPER_RAD).clamp(min=0.0)

    @cached_property
    def _depth(self) -> tuple[float, tuple[float, ...]]:
        # c2w as a function of rho in units of about the circle's radius: ONNX's optimiser takes coefficients below 1e-8
        # for zero. The unit is a power of two, by which numbers are divided without rounding: no bit changes.
        unit_px = 2.0 ** round(math.log2(self.circle_radius_px))
        return unit_px, tuple(coefficient * unit_px**power for power, coefficient in enumerate(self.c2w))

    def _depth_px(self, rho: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
        unit_px, coefficients = self._depth
        return -horner(coefficients, rho / unit_px)

    def _resized(self, size_px: tuple[int, int], centre_px: tuple[float, float], scale: float) -> PolynomialCamera:
        return PolynomialCamera(
            size_px=size_px,
            centre_px=centre_px,
            c2w=tuple(a * scale ** (1 - k) for k, a in enumerate(self.c2w)),
            w2c=tuple(a * scale for a in self.w2c),
            circle_radius_px=self.circle_radius_px * scale,
            affine=self.affine,
        )


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
