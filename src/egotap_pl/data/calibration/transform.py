"""The transform between two cameras, in the forms in which other programs give it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from egotap_pl.core.errors import EgotapError
from egotap_pl.data.calibration.numbers import Place, array

_ROUNDED = 1e-2  # how far a matrix with few digits may be from a rotation
_EXACT = 5e-5  # near enough for a rig, which therefore stays the same when it is saved and loaded
_HALF_TURN = 3.15  # a little more than pi, for vectors with few digits


class Transform(NamedTuple):
    """X_to = rotation X_from + translation_cm."""

    rotation: Float[np.ndarray, "3 3"]
    """From the axes of one camera to those of the other."""

    translation_cm: Float[np.ndarray, "3"]
    """The first camera's position in the second one's frame."""

    def inverse(self) -> Transform:
        """From the second camera to the first."""
        return Transform(self.rotation.T, -self.rotation.T @ self.translation_cm)

    def after(self, first: Transform) -> Transform:
        """This transform after another one."""
        return Transform(self.rotation @ first.rotation, self.rotation @ first.translation_cm + self.translation_cm)


def rotation_matrix(origin: Place, value: Any) -> Float[np.ndarray, "3 3"]:
    """A rotation matrix; one that was written with few digits is made a rotation.

    Raises:
        EgotapError: if it is not a rotation.
    """
    rows = array(origin, value, (3, 3))
    if not np.allclose(rows @ rows.T, np.eye(3), atol=_ROUNDED) or np.linalg.det(rows) < 0:
        raise EgotapError(f"{origin} is not a rotation: its rows must be perpendicular and of length 1, and not mirror")
    if np.allclose(rows @ rows.T, np.eye(3), atol=_EXACT):
        return rows
    u, _, vt = np.linalg.svd(rows)
    return u @ vt


def _from_vector(origin: Place, value: Any) -> Float[np.ndarray, "3 3"]:
    vector = array(origin, value, (3,))
    if (angle := float(np.linalg.norm(vector))) > _HALF_TURN:
        raise EgotapError(f"{origin} is {angle:.4g} long, more than half a turn: must be in radians, not degrees")
    return Rotation.from_rotvec(vector).as_matrix()


def _from_quaternion(origin: Place, value: Any) -> Float[np.ndarray, "3 3"]:
    quaternion = array(origin, value, (4,))
    if abs(np.linalg.norm(quaternion) - 1) > _ROUNDED:
        raise EgotapError(f"{origin} must be a quaternion of length 1, its real part last, found {quaternion.tolist()}")
    return Rotation.from_quat(quaternion).as_matrix()


ROTATIONS: dict[str, Callable[[Place, Any], Float[np.ndarray, "3 3"]]] = {
    "rotation": rotation_matrix,
    "rotation_vector_rad": _from_vector,
    "quaternion_xyzw": _from_quaternion,
}
"""Keys under which a rig file may give a rotation, each with its reader."""
