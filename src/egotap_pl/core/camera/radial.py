"""What fisheye cameras of every model share: the distance from the centre depends on the angle off the axis alone.

A model says how far from the centre of an ideal image a point at some angle appears, and which ray a distance belongs
to. A linear map leads from the ideal image to pixels (OCamCalib's affine terms; OpenCV's skew, and pixels that are not
square).

A calibration says nothing about what lies beyond the rim of the image circle. There, and behind the camera, both
mappings continue linearly in the angle along the same radius (by the mean px per radian inside the circle) and flag the
point. So pixels stay finite and continuous, and points far behind the camera fall outside the frame.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import MISSING, fields
from functools import cached_property
from typing import Any, ClassVar, TypeVar

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from egotap_pl.core.plain import check_keys, to_plain

_AXIS_RAD = 1e-4  # closer to the axis than this, rho / n is replaced by its limit: n = 0 has no direction
_NEAREST_CM = 1e-3  # on the axis, points nearer than this are treated as if at this distance
_ABSURD = 1e300  # of a camera's numbers in a file; false for NaN, too
_NO_DIRECTION_CM2 = 1e-24  # squared distance from the axis below which a point has no radius to move along

_Camera = TypeVar("_Camera", bound="RadialCamera")


class RadialCamera(ABC):
    """A fisheye camera of any radial model; a model is a frozen dataclass with the fields below and its own."""

    model: ClassVar[str]
    """Name of the model in files. One of your own needs a name that no other model has, e.g. that of its class."""

    size_px: tuple[int, int]
    """Width and height of the calibrated frame."""
    centre_px: tuple[float, float]
    """(u, v) of the optical axis."""
    circle_radius_px: float
    """Radius of the image circle: the camera sees nothing farther from the centre."""

    @property
    @abstractmethod
    def max_angle_rad(self) -> float:
        """Angle off the axis at the rim of the image circle."""

    @property
    @abstractmethod
    def _linear(self) -> tuple[float, float, float]:
        """(c, d, e): a point (x, y) px from the centre of the ideal image appears at u = x + e y + centre u,
        v = d x + c y + centre v."""

    @property
    @abstractmethod
    def _slope_on_axis(self) -> float:
        """Px of the ideal image per radian at the centre."""

    @abstractmethod
    def _rho_px(self, angle: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
        """Distance from the centre of the ideal image, for angles off the axis from 0 to `max_angle_rad`."""

    @abstractmethod
    def _depth_px(self, rho: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
        """The z of the ray (x, y, z) of a point of the ideal image ``rho`` = |(x, y)| px from its centre.

        ``rho`` is from 0 to ``circle_radius_px``; z is `_slope_on_axis` at the centre and negative beyond 90 degrees.
        """

    @abstractmethod
    def _resized(self: _Camera, size_px: tuple[int, int], centre_px: tuple[float, float], scale: float) -> _Camera:
        """The camera of a frame that was cut, then resized by ``scale``.

        Args:
            size_px: size of the new frame.
            centre_px: optical axis in the new frame.
            scale: new px per old px.
        """

    def to_dict(self) -> dict[str, Any]:
        """The same as plain lists and numbers, for JSON; `camera_from_dict` is the inverse."""
        return {"model": self.model, **to_plain(self)}

    @classmethod
    def from_dict(cls: type[_Camera], data: Mapping[str, Any]) -> _Camera:
        """The camera of this model that plain lists and numbers describe.

        Raises:
            ValueError: if a key is missing or unknown, or the values do not describe a camera.
        """
        defaults = {field.name: field.default for field in fields(cls) if field.default is not MISSING}  # type: ignore[arg-type]
        values = {**defaults, **{key: value for key, value in data.items() if key != "model"}}
        check_keys("camera", values, cls)
        numbers = {key: _numbers(key, value) for key, value in values.items()}
        try:
            return cls(**numbers)
        except TypeError as error:
            raise ValueError(f"camera: a value is not of the form that was expected: {values}"[:500]) from error

    def cropped(self: _Camera, left_px: float | int, top_px: float | int, side_px: float | int, to_px: int) -> _Camera:
        """The camera of a square that is cut out of the frame and resized.

        A point (u, v) moves to ((u - left) s, (v - top) s), s = to_px / side_px, as annotated 2D points do.

        Args:
            left_px: u of the square's left edge.
            top_px: v of its top edge.
            side_px: its side before resizing.
            to_px: its side after resizing.
        """
        scale = to_px / side_px
        centre = ((self.centre_px[0] - left_px) * scale, (self.centre_px[1] - top_px) * scale)
        return self._resized((to_px, to_px), centre, scale)

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
        axial = on_axis | behind
        n = torch.where(axial, 1.0, n2).sqrt()
        angle = torch.where(behind, math.pi, torch.atan2(n, torch.where(behind, 1.0, z)))
        within = angle.clamp(max=self.max_angle_rad)
        rho = self._rho_px(within) + (angle - within) * self._px_per_rad
        per_cm = torch.where(on_axis, self._slope_on_axis / z.clamp(min=_NEAREST_CM), rho / n)
        x, y = torch.where(behind, rho, x * per_cm), torch.where(behind, 0.0, y * per_cm)
        c, d, e = self._linear
        u, v = x + self.centre_px[0], y + self.centre_px[1]
        if self._linear != (1.0, 0.0, 0.0):
            u, v = u + e * y, v + (c - 1.0) * y + d * x
        px = torch.stack((u, v), -1)
        # Not torch.where: ONNX Runtime has none of truth values.
        in_circle = axial & (z > 0) | ~axial & (angle <= self.max_angle_rad)
        return px, in_circle & self.in_frame(px)

    def unproject(self, px: Float[Tensor, "*n 2"]) -> tuple[Float[Tensor, "*n 3"], Bool[Tensor, "*n"]]:
        """Unit rays of pixels in the camera's frame, and whether each is inside the view (differentiable)."""
        x, y = px[..., 0] - self.centre_px[0], px[..., 1] - self.centre_px[1]
        if self._linear != (1.0, 0.0, 0.0):
            c, d, e = self._linear
            inverse = 1.0 / determinant(self._linear)
            x, y = (c * x - e * y) * inverse, (y - d * x) * inverse
        r2 = x * x + y * y
        centre = r2 == 0
        r = torch.where(centre, 1.0, r2).sqrt()
        beyond = r > self.circle_radius_px
        z = self._depth_px(torch.where(centre, 0.0, r.clamp(max=self.circle_radius_px)))
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
    def _px_per_rad(self) -> float:
        return self.circle_radius_px / self.max_angle_rad

    def _check(self, **numbers: tuple[float, ...]) -> None:
        """Makes numbers of what may be lists or text of numbers, and checks what every model needs.

        Args:
            **numbers: fields of the model, besides those that all cameras have.

        Raises:
            ValueError: if a number is not finite, or the size or the image circle is not positive.
        """
        if len(self.size_px) != 2 or len(self.centre_px) != 2:
            raise ValueError(f"size_px and centre_px must be two numbers each, not {self.size_px}, {self.centre_px}")
        width, height = self.size_px
        object.__setattr__(self, "size_px", (int(width), int(height)))
        for name in ("centre_px", *numbers):
            object.__setattr__(self, name, tuple(float(x) for x in getattr(self, name)))
        object.__setattr__(self, "circle_radius_px", float(self.circle_radius_px))
        own = (x for name in numbers for x in getattr(self, name))
        if not all(math.isfinite(x) for x in (*self.size_px, *self.centre_px, self.circle_radius_px, *own)):
            raise ValueError("a camera's numbers must be finite")
        if min(*self.size_px, self.circle_radius_px) <= 0:
            raise ValueError("a camera needs a positive size and a positive circle radius")


def _numbers(name: str, value: Any) -> Any:
    """A number or a list of numbers from JSON or YAML: ``size_px`` as int, all others as float."""
    if isinstance(value, (list, tuple)):
        return tuple(_numbers(name, item) for item in value)
    if type(value) not in (int, float) or not abs(value) < _ABSURD or (name == "size_px" and value != int(value)):
        raise ValueError(f"camera: {name} must be {'whole ' if name == 'size_px' else ''}numbers, not {value!r:.80}")
    return int(value) if name == "size_px" else float(value)


def determinant(linear: tuple[float, float, float]) -> float:
    """Determinant of the linear map (c, d, e)."""
    return linear[0] - linear[1] * linear[2]


def horner(coefficients: tuple[float, ...], x: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
    """A polynomial's values; its coefficients begin with the lowest power."""
    value = torch.full_like(x, coefficients[-1])
    for coefficient in reversed(coefficients[:-1]):
        value = value * x + coefficient
    return value
