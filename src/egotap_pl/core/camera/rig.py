"""The stereo rig that two cameras form."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from egotap_pl.core.camera.models import camera_from_dict
from egotap_pl.core.camera.polynomial import PolynomialCamera
from egotap_pl.core.camera.protocol import Camera
from egotap_pl.core.constants import constant
from egotap_pl.core.plain import check_keys

_AWAY_CM = 50.0


@dataclass(frozen=True)
class StereoRig:
    """Two cameras and the transform between them: X_right = rotation X_left + translation_cm.

    View 0 is left, view 1 is right. Poses and points without a view are in the left camera's axes.

    Raises:
        ValueError: if there are not two cameras or ``rotation`` is not a rotation.

    Examples:
        >>> import torch
        >>> from egotap_pl.core.camera import StereoRig
        >>> rig = StereoRig.unrealego(baseline_cm=12.0)
        >>> points_left_cm = torch.tensor([[0.0, 0.0, 40.0]])  # one joint, 40 cm in front of the left camera
        >>> rig.to_views(points_left_cm).tolist()
        [[[0.0, 0.0, 40.0]], [[12.0, 0.0, 40.0]]]
        >>> px, inside = rig.project(points_left_cm)
        >>> px.shape, inside.tolist()  # (view, joint, 2)
        (torch.Size([2, 1, 2]), [[True], [True]])
    """

    name: str
    """Name in stores and messages."""
    cameras: tuple[Camera, Camera]
    """The left and the right camera, of any models."""
    rotation: tuple[tuple[float, float, float], tuple[float, float, float], tuple[float, float, float]]
    """Rows of the rotation from the left to the right camera's axes."""
    translation_cm: tuple[float, float, float]
    """The left camera's position in the right camera's frame."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "cameras", tuple(self.cameras))
        object.__setattr__(self, "rotation", tuple(_floats(row) for row in self.rotation))
        object.__setattr__(self, "translation_cm", _floats(self.translation_cm))
        rotation = np.array(self.rotation)
        if len(self.cameras) != 2 or rotation.shape != (3, 3) or len(self.translation_cm) != 3:
            raise ValueError(f"rig {self.name}: needs two cameras, a 3 x 3 rotation and a translation of three numbers")
        if not np.allclose(rotation @ rotation.T, np.eye(3), atol=1e-4) or np.linalg.det(rotation) < 0:
            raise ValueError(f"rig {self.name}: {self.rotation} is not a rotation")
        if not np.isfinite(self.translation_cm).all():
            raise ValueError(f"rig {self.name}: translation {self.translation_cm} is not finite")

    @classmethod
    def of(
        cls, name: str, cameras: tuple[Camera, Camera], rotation: Iterable[Iterable[Any]], translation_cm: Iterable[Any]
    ) -> StereoRig:
        """A rig whose numbers are in lists, arrays or tensors.

        Args:
            name: name in stores and messages.
            cameras: the left and the right camera.
            rotation: rows of the rotation from the left to the right camera's axes.
            translation_cm: the left camera's position in the right camera's frame.
        """
        row0, row1, row2 = (_floats(row) for row in rotation)
        return cls(name, cameras, (row0, row1, row2), _floats(translation_cm))

    @classmethod
    def unrealego(cls, baseline_cm: float | int = 12.0) -> StereoRig:
        """UnrealEgo's glasses: equal cameras, parallel axes, the right camera at -X of the left one.

        The wearer's body is at the top of the image: +X is to the wearer's left, +Y forwards, +Z down along the trunk.
        """
        camera = PolynomialCamera.unrealego()
        eye = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
        return cls("unrealego", (camera, camera), eye, (float(baseline_cm), 0.0, 0.0))

    def to_views(self, points_left_cm: Float[Tensor, "*b j 3"]) -> Float[Tensor, "*b v j 3"]:
        """Points in each camera's own frame."""
        translation_cm = constant(self.translation_cm, points_left_cm.device, points_left_cm.dtype)
        return torch.stack((points_left_cm, self.to_right_axes(points_left_cm) + translation_cm), -3)

    def to_right_axes(self, vectors: Float[Tensor, "*b 3"]) -> Float[Tensor, "*b 3"]:
        """Vectors in the left camera's axes, in the right camera's."""
        device = vectors.device
        autocast = torch.amp.is_autocast_available(device.type)  # the meta device has none
        # Mixed precision would compute the product in half precision, a pixel or more off.
        with torch.autocast(device.type, enabled=False) if autocast else nullcontext():
            return vectors @ constant(self.rotation, device, vectors.dtype).T

    def project(
        self, points_left_cm: Float[Tensor, "*b j 3"]
    ) -> tuple[Float[Tensor, "*b v j 2"], Bool[Tensor, "*b v j"]]:
        """Pixels in each view, and whether each is inside the view (see `RadialCamera.project`)."""
        return self.project_views(self.to_views(points_left_cm))

    def project_views(
        self, points_cm: Float[Tensor, "*b v j 3"]
    ) -> tuple[Float[Tensor, "*b v j 2"], Bool[Tensor, "*b v j"]]:
        """As `project`, of points that are in each camera's own frame."""
        views = zip(self.cameras, points_cm.unbind(-3), strict=True)
        px, inside = zip(*(camera.project(points) for camera, points in views), strict=True)
        return torch.stack(px, -3), torch.stack(inside, -2)

    def distance_px(self, other: StereoRig) -> float:
        """How far this rig's pixels are from another's, on average: of points half a metre away that either sees."""
        points_cm = _directions() * _AWAY_CM
        ours, theirs = self.project(points_cm), other.project(points_cm)
        apart: Tensor = torch.linalg.vector_norm(ours[0] - theirs[0], dim=-1)[ours[1] | theirs[1]]
        return float(apart.mean()) if len(apart) else 0.0

    def to_dict(self) -> dict[str, Any]:
        """The same as plain lists and numbers, for JSON."""
        return {
            "name": self.name,
            "cameras": [camera.to_dict() for camera in self.cameras],
            "rotation": [list(row) for row in self.rotation],
            "translation_cm": list(self.translation_cm),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> StereoRig:
        """Inverse of `to_dict`.

        Raises:
            ValueError: if a key is missing or unknown, or the values do not describe a rig.
        """
        check_keys("rig", data, cls)
        if len(data["cameras"]) != 2 or len(data["rotation"]) != 3:
            raise ValueError("rig: needs two cameras and a 3 x 3 rotation")
        left, right = (camera_from_dict(camera) for camera in data["cameras"])
        return cls.of(str(data["name"]), (left, right), data["rotation"], data["translation_cm"])


def _floats(values: Iterable[Any]) -> tuple[float, float, float]:
    x, y, z = (float(value) for value in values)
    return (x, y, z)


def _directions() -> Float[Tensor, "n 3"]:
    """Unit vectors in all directions within 75 degrees of the axis."""
    angle, around = torch.meshgrid(
        torch.arange(0.0, 76, 15).deg2rad(), torch.arange(0.0, 360, 45).deg2rad(), indexing="ij"
    )
    x, y, z = angle.sin() * around.cos(), angle.sin() * around.sin(), angle.cos()
    return torch.stack((x, y, z), -1).flatten(0, 1)
