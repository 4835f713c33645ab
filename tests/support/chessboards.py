"""What a stereo rig sees of a chessboard that is held in front of it: the corners that a calibration starts from."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from scipy.spatial.transform import Rotation

from egotap_pl.core.camera import Camera, StereoRig

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


def write_pictures(rig: StereoRig, folder: Path, pairs: int = 14, seed: int = 5) -> None:
    """Images ``<n>_left.png`` and ``<n>_right.png`` of a printed board, which both views see whole."""
    random, written = np.random.default_rng(seed), 0
    rays = [_rays(camera) for camera in rig.cameras]
    folder.mkdir(parents=True)
    while written < pairs:
        turn = Rotation.from_rotvec(random.normal(0, (0.3, 0.3, 0.2))).as_matrix()
        place = np.array((*random.uniform(-14, 14, 2), random.uniform(13, 24)))
        outline = np.array([(x, y, 0) for x in (-7, 7) for y in (-5, 5)]) * SQUARE_MM / 10
        if not rig.project(torch.from_numpy(outline @ turn.T + place))[1].all():
            continue
        rotation, translation = np.array(rig.rotation), np.array(rig.translation_cm)
        poses = ((turn, place), (rotation @ turn, rotation @ place + translation))
        for side, seen, pose in zip(("left", "right"), rays, poses, strict=True):
            Image.fromarray(_picture(seen, *pose)).save(folder / f"{written:02d}_{side}.png")
        written += 1


def _rays(camera: Camera) -> np.ndarray:
    """2 x 2 rays a pixel. OpenCV counts pixels from their centres."""
    u, v = (np.arange(2 * side, dtype=np.float32) / 2 - 0.25 for side in camera.size_px)
    return camera.unproject(torch.from_numpy(np.stack(np.meshgrid(u, v), -1)))[0].numpy()


def _picture(rays: np.ndarray, turn: np.ndarray, place_cm: np.ndarray) -> np.ndarray:
    """The picture of a board whose middle is at a place."""
    with np.errstate(divide="ignore", invalid="ignore"):
        distance = np.float32(turn[:, 2] @ place_cm) / (rays @ np.float32(turn[:, 2]))
        on_board = rays * distance[..., None] @ np.float32(turn[:, :2]) - np.float32(place_cm @ turn[:, :2])
    x, y = np.moveaxis(on_board / (SQUARE_MM / 10) + ((COLUMNS - 1) / 2, (ROWS - 1) / 2), -1, 0)
    squares = np.where((np.floor(x) + np.floor(y)) % 2 == 0, 30, 225)
    inside = (x > -1) & (x < COLUMNS) & (y > -1) & (y < ROWS)
    paper = (distance > 0) & (x > -2) & (x < COLUMNS + 1) & (y > -2) & (y < ROWS + 1)
    grey = np.where(paper, np.where(inside, squares, 225), 110)
    height, width = grey.shape
    return grey.reshape(height // 2, 2, width // 2, 2).mean((1, 3)).round().astype(np.uint8)
