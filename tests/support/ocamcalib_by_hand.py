"""OCamCalib's camera model in plain NumPy, written from Scaramuzza's formulas in his conventions.

Rows come first (x is the row, y the column), z is negative in front of the camera, and points are projected by finding
the root of the polynomial from pixel to ray instead of by the fitted inverse polynomial.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass
class OcamModel:
    """The fields of MATLAB's ``ocam_model``, counting pixels from 0."""

    ss: Sequence[float]
    xc: float
    yc: float
    c: float = 1.0
    d: float = 0.0
    e: float = 0.0

    def cam2world(self, uv: np.ndarray) -> np.ndarray:
        """Unit rays (X right, Y down, Z forward) of pixels (u, v)."""
        rows_columns = uv[..., ::-1] - (self.xc, self.yc)
        x, y = np.moveaxis(rows_columns @ np.linalg.inv([[self.c, self.d], [self.e, 1.0]]).T, -1, 0)
        z = np.polyval(list(self.ss)[::-1], np.hypot(x, y))
        rays = np.stack((y, x, -z), -1)
        return rays / np.linalg.norm(rays, axis=-1, keepdims=True)

    def world2cam(self, points: np.ndarray) -> np.ndarray:
        """Pixels (u, v) of points (X right, Y down, Z forward), none of them on the axis."""
        flat = points.reshape(-1, 3)
        return np.stack([self._pixel(y, x, -z) for x, y, z in flat]).reshape(*points.shape[:-1], 2)

    def _pixel(self, x: float, y: float, z: float) -> tuple[float, float]:
        norm = np.hypot(x, y)
        coefficients = np.array(self.ss, float)
        coefficients[1] -= z / norm  # z(rho) = rho z / norm
        roots = np.roots(coefficients[::-1])
        rho = min(roots.real[(abs(roots.imag) < 1e-9) & (roots.real > 0)])
        x, y = x / norm * rho, y / norm * rho
        return (self.e * x + y + self.yc, self.c * x + self.d * y + self.xc)
