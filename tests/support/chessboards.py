"""What a stereo rig sees of a chessboard that is held in front of it: the corners that a calibration starts from."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from scipy.spatial.transform import Rotation

from egotap_pl.core.camera import StereoRig

COLUMNS, ROWS, SQUARE_MM = 9, 6, 25.0


class Corners(NamedTuple):
    """Corners of the board in n pairs of images, in OpenCV's types and shapes."""

    board_mm: list[np.ndarray]
    """On the board, (1, corner, 3), the same for each pair."""
    left_px: list[np.ndarray]
    """In the left images, (1, corner, 2)."""
    right_px: list[np.ndarray]
    """In the right images."""


def corners(rig: StereoRig, pairs: int = 30, noise_px: float = 0.05, seed: int = 3) -> Corners:
    """Boards all over the field that both views see whole."""
    random, across = np.random.default_rng(seed), np.meshgrid(np.arange(COLUMNS), np.arange(ROWS))
    board_mm = SQUARE_MM * np.stack((*across, np.zeros((ROWS, COLUMNS))), -1).reshape(-1, 3)
    views: list[np.ndarray] = []
    while len(views) < pairs:
        turn = Rotation.from_rotvec(random.normal(0, 0.4, 3))
        place = np.array((*random.uniform(-35, 35, 2), random.uniform(12, 32)))
        points_cm = turn.apply(board_mm - board_mm.mean(0)) / 10 + place
        px, inside = rig.project(torch.from_numpy(points_cm))
        if inside.all() and points_cm[:, 2].min() > 4:
            views.append(px.numpy() + random.normal(0, noise_px, px.shape))
    left, right = ([view[side][None] for view in views] for side in range(2))
    return Corners([board_mm[None]] * pairs, left, right)
