"""Evenly spaced indices."""

from __future__ import annotations

import numpy as np


def evenly(number: int, count: int) -> list[int]:
    """At most ``number`` evenly spaced indices out of 0 to ``count - 1``, in order, the first and the last included."""
    return sorted(set(np.linspace(0, count - 1, min(number, count)).round().astype(int).tolist()))
