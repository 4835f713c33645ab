"""The two polynomials of OCamCalib's camera model, which must be inverse to each other."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.polynomial import Polynomial

_AGREE = 1e-3  # of the circle's radius; OCamCalib fits w2c to 0.01 px, so a larger difference means another camera


def usable_radius_px(c2w: Sequence[float], w2c: Sequence[float], limit_px: float | int) -> float:
    """The radius up to which the angle grows with the radius and w2c inverts c2w (to 0.1% of the limit).

    Args:
        c2w: coefficients from pixel to ray, lowest power first.
        w2c: coefficients from point to pixel, lowest power first.
        limit_px: largest radius to try.
    """
    r = np.linspace(0.0, limit_px, 513)
    angle = np.arctan2(r, -Polynomial(c2w)(r))
    back = Polynomial(w2c)(angle - math.pi / 2)
    good = np.abs(back - r) <= _AGREE * limit_px
    good[1:] &= np.diff(angle) > 0
    return float(limit_px) if good.all() else float(r[max(int(good.argmin()) - 1, 0)])
