"""Fisheye cameras of Kannala and Brandt's model: OpenCV's ``cv2.fisheye``, and "equidistant" in Kalibr.

A point at the angle phi from the optical axis appears at f theta_d from the centre, where theta_d = phi (1 + k1 phi^2 +
k2 phi^4 + k3 phi^6 + k4 phi^8). Unlike OpenCV's ``projectPoints``, which divides by Z, this holds beyond 90 degrees,
too, as the model's authors mean it (IEEE TPAMI 28(8), 2006).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Float
from numpy.polynomial import Polynomial
from torch import Tensor

from egotap_pl.core.camera.radial import RadialCamera, horner

_WIDEST_RAD = math.radians(170.0)  # no lens sees farther back
_FLATTEST = 0.01  # of the slope on the axis: where less is left of it, a pixel is no direction any more
_NODES = 257  # of the table that Newton's method starts from: its error is then a few thousandths of a degree
_STEPS = 3  # of Newton's method, each of which doubles the number of correct digits


@dataclass(frozen=True)
class KannalaBrandtCamera(RadialCamera):
    """A fisheye camera of OpenCV's model: plain numbers, hashable, the same on every device.

    Raises:
        ValueError: if a number is not finite, or pixels turn back towards the centre inside the image circle.

    Examples:
        >>> import torch
        >>> from egotap_pl.core.camera import KannalaBrandtCamera
        >>> camera = KannalaBrandtCamera(
        ...     size_px=(1280, 960), centre_px=(641.2, 478.5), circle_radius_px=560.0, focal_px=(380.0, 380.4),
        ...     distortion=(-0.011, 0.003, -0.002, 0.0001),
        ... )
        >>> px, inside = camera.project(torch.tensor([[0.0, 0.0, 30.0], [20.0, 0.0, 30.0], [30.0, 0.0, -3.0]]))
        >>> [round(u) for u in px[:, 0].tolist()], inside.tolist()  # the last point is 96 degrees off the axis
        ([641, 864, 1256], [True, True, False])
    """

    model: ClassVar[str] = "kannala_brandt"
    """Name of the model in files."""

    size_px: tuple[int, int]
    """Width and height of the calibrated frame."""
    centre_px: tuple[float, float]
    """(u, v) of the optical axis: OpenCV's ``K[0][2]`` and ``K[1][2]``."""
    circle_radius_px: float
    """Radius of the image circle along u: the camera sees nothing farther from the centre."""
    focal_px: tuple[float, float]
    """Focal lengths along u and v: OpenCV's ``K[0][0]`` and ``K[1][1]``."""
    distortion: tuple[float, float, float, float]
    """k1 to k4: OpenCV's D."""
    skew: float = 0.0
    """OpenCV's alpha, ``K[0][1] / K[0][0]``: a point (x, y) of the ideal image appears at
    u = fx (x + skew y) + centre u, v = fy y + centre v."""

    def __post_init__(self) -> None:
        self._check(focal_px=self.focal_px, distortion=self.distortion)
        object.__setattr__(self, "skew", float(self.skew))
        if len(self.focal_px) != 2 or min(self.focal_px) <= 0:
            raise ValueError(f"focal_px must be two positive numbers, not {self.focal_px}")
        if len(self.distortion) != 4:
            raise ValueError(f"distortion must be the four numbers k1 to k4, not {self.distortion}")
        if not abs(self.skew) < 1:  # false for NaN, too
            raise ValueError(f"skew must be a small fraction, not {self.skew}")
        limit = turning_radius_px(self.focal_px[0], self.distortion)
        if self.circle_radius_px > limit:
            raise ValueError(
                f"distortion {self.distortion} turns back {limit:.1f} px from the centre, inside the image circle of "
                f"{self.circle_radius_px:g} px: make circle_radius_px smaller, or calibrate with views that reach the "
                "rim"
            )

    @cached_property
    def max_angle_rad(self) -> float:
        """Angle off the axis at the rim of the image circle."""
        angles = np.linspace(0.0, _turning_angle_rad(self.distortion), _NODES)
        curve, theta_d = _theta_d(self.distortion), self.circle_radius_px / self.focal_px[0]
        angle = float(np.interp(theta_d, curve(angles), angles))
        for _ in range(2 * _STEPS):
            angle -= float((curve(angle) - theta_d) / curve.deriv()(angle))
        return angle

    @property
    def _linear(self) -> tuple[float, float, float]:
        return (self.focal_px[1] / self.focal_px[0], 0.0, self.skew)

    @property
    def _slope_on_axis(self) -> float:
        return self.focal_px[0]

    def _rho_px(self, angle: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
        return self.focal_px[0] * (angle * horner((1.0, *self.distortion), angle * angle))

    def _depth_px(self, rho: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
        angle = self._angle_rad(rho / self.focal_px[0])
        return (
            self.focal_px[0] * horner((1.0, *self.distortion), angle * angle) * angle.cos() / angle.div(math.pi).sinc()
        )

    def _angle_rad(self, theta_d: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
        """The angle off the axis. Only the last step of Newton's method has a gradient, which is then exact."""
        with torch.no_grad():
            angles = torch.linspace(0.0, self.max_angle_rad, _NODES, dtype=theta_d.dtype, device=theta_d.device)
            nodes = angles * horner((1.0, *self.distortion), angles * angles)
            if torch.compiler.is_compiling():  # ONNX has no searchsorted
                above = (nodes < theta_d[..., None]).sum(-1)
            else:
                above = torch.searchsorted(nodes, theta_d.detach().contiguous())
            above = above.clamp(1, _NODES - 1)
            low, high = nodes[above - 1], nodes[above]
            angle = angles[above - 1] + (theta_d - low) / (high - low) * angles[1]
            for _ in range(_STEPS - 1):
                angle = self._newton(angle, theta_d)
        return self._newton(angle, theta_d)

    def _newton(self, angle: Float[Tensor, "*n"], theta_d: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
        squared = angle * angle
        k1, k2, k3, k4 = self.distortion
        miss = angle * horner((1.0, *self.distortion), squared) - theta_d
        return angle - miss / horner((1.0, 3 * k1, 5 * k2, 7 * k3, 9 * k4), squared)

    def _resized(self, size_px: tuple[int, int], centre_px: tuple[float, float], scale: float) -> KannalaBrandtCamera:
        fx, fy = self.focal_px
        return KannalaBrandtCamera(
            size_px=size_px,
            centre_px=centre_px,
            circle_radius_px=self.circle_radius_px * scale,
            focal_px=(fx * scale, fy * scale),
            distortion=self.distortion,
            skew=self.skew,
        )


def turning_radius_px(focal_px: float, distortion: tuple[float, ...]) -> float:
    """How far from the centre pixels still move outwards as the angle grows.

    Args:
        focal_px: focal length along u.
        distortion: k1 to k4.
    """
    # A hair less, so that a camera whose circle is as large as this remains one after it has been resized.
    return focal_px * float(_theta_d(distortion)(_turning_angle_rad(distortion))) * (1 - 1e-9)


def _theta_d(distortion: tuple[float, ...]) -> Polynomial:
    k1, k2, k3, k4 = distortion
    return Polynomial((0.0, 1.0, 0.0, k1, 0.0, k2, 0.0, k3, 0.0, k4))


def _turning_angle_rad(distortion: tuple[float, ...]) -> float:
    """The smallest angle at which theta_d hardly grows any more, or the widest angle of any lens."""
    roots = (_theta_d(distortion).deriv() - _FLATTEST).roots()
    angles = roots.real[(abs(roots.imag) < 1e-9) & (roots.real > 0)]
    return min([_WIDEST_RAD, *angles.tolist()])
