"""Fits the pose of EgoCap's second camera relative to the first.

The published calibration files describe each camera by itself. But poses are in the first camera's frame and the
second camera's points are annotated, so the second camera can be located relative to the training poses.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import roma
import torch
from jaxtyping import Float
from torch import Tensor

from egotap_pl.core.camera import Camera, StereoRig
from egotap_pl.core.errors import EgotapError

MIN_POINTS = 50
"""Smallest number of annotated joints that a fit needs."""

_STEPS = 100
_LONGEST_STEP = (0.5, 20.0)  # rad and cm
_SETTLED = 1e-11


class RigFit(NamedTuple):
    """A rig and how well it fits the annotated points."""

    rig: StereoRig
    """The two cameras."""

    median_px: tuple[float, float]
    """Median distance of projected poses from annotated points in each view, px of the cameras' frame."""

    points: int
    """Number of annotated joints in the second view that the rig was fitted to."""


def fit_rig(
    cameras: tuple[Camera, Camera],
    pose_cm: Float[np.ndarray, "n j 3"],
    points_px: Float[np.ndarray, "n v j 2"],
) -> RigFit:
    """Fits the second camera's pose to annotated points.

    Args:
        cameras: the two cameras.
        pose_cm: poses in the first camera's frame.
        points_px: annotated points of the same joints in both views; NaN where a joint is not annotated.

    Raises:
        EgotapError: if there are too few annotated points.
    """
    points_cm = torch.from_numpy(pose_cm).double().flatten(0, 1)
    annotated_px = torch.from_numpy(points_px[:, 1]).double().flatten(0, 1)
    rotation, translation, count = locate(cameras[1], points_cm, annotated_px)
    rig = StereoRig.of("egocap", cameras, rotation, translation)
    left, right = median_distance_px(rig, pose_cm, points_px)
    return RigFit(rig, (left, right), count)


def median_distance_px(
    rig: StereoRig, pose_cm: Float[np.ndarray, "n j 3"], points_px: Float[np.ndarray, "n v j 2"]
) -> tuple[float, float]:
    """Median distance of projected poses from annotated points in each view; NaN for a view without annotated points.

    Args:
        rig: the two cameras.
        pose_cm: poses in the first camera's frame.
        points_px: annotated points of the same joints in both views; NaN where a joint is not annotated.
    """
    projected, _ = rig.project(torch.from_numpy(pose_cm).double())
    distance = (projected - torch.from_numpy(points_px).double()).norm(dim=-1)
    left, right = (float(distance[:, view].nanmedian()) for view in range(2))
    return left, right


def locate(
    camera: Camera, points_cm: Float[Tensor, "n 3"], px: Float[Tensor, "n 2"]
) -> tuple[Float[Tensor, "3 3"], Float[Tensor, "3"], int]:
    """Finds the pose of a camera from points and the pixels where the camera sees them.

    Iteratively reweighted least squares on differences of unit rays, with Cauchy weights whose scale is the median
    residual, so that up to about a third of the pixels may be wrong. It starts from four orientations about the optical
    axis.

    Args:
        camera: the camera.
        points_cm: points in any frame.
        px: pixels of the same points; NaN for those that are unknown.

    Returns:
        Rotation and translation (cm) from the points' frame into the camera's, and the number of points used.

    Raises:
        EgotapError: if fewer than `MIN_POINTS` pixels are inside the camera's view.
    """
    good = px.isfinite().all(-1)
    rays, inside = camera.unproject(torch.where(good[:, None], px, 0.0))
    good &= inside
    if int(good.sum()) < MIN_POINTS:
        raise EgotapError(
            f"only {int(good.sum())} joints are annotated within the second camera's view, but {MIN_POINTS} are needed "
            "to locate the camera: check that calibration and annotations are EgoCap's"
        )
    rays, points_cm = rays[good], points_cm[good]
    quarters = torch.arange(4, dtype=points_cm.dtype)[:, None] * torch.tensor([0.0, 0.0, math.pi / 2])
    rotation, translation = roma.rotvec_to_rotmat(quarters.to(points_cm)), points_cm.new_zeros(4, 3)
    for _ in range(_STEPS):
        step = _step(rotation, translation, points_cm, rays)
        rotation = roma.rotvec_to_rotmat(step[:, :3]) @ rotation
        translation = translation + step[:, 3:]
        if step.abs().max() < _SETTLED:
            break
    residual = (_directions(rotation, translation, points_cm)[1] - rays).norm(dim=-1).median(1).values
    best = int(residual.argmin())
    return roma.special_procrustes(rotation[best]), translation[best], int(good.sum())


def _directions(
    rotation: Float[Tensor, "s 3 3"], translation: Float[Tensor, "s 3"], points_cm: Float[Tensor, "n 3"]
) -> tuple[Float[Tensor, "s n 3"], Float[Tensor, "s n 3"], Float[Tensor, "s n 1"]]:
    """Rotated points, unit rays towards the points, and distances."""
    turned = points_cm @ rotation.mT
    moved = turned + translation[:, None]
    distance = moved.norm(dim=-1, keepdim=True).clamp(min=1e-6)
    return turned, moved / distance, distance


def _step(
    rotation: Float[Tensor, "s 3 3"],
    translation: Float[Tensor, "s 3"],
    points_cm: Float[Tensor, "n 3"],
    rays: Float[Tensor, "n 3"],
) -> Float[Tensor, "s 6"]:
    """A weighted Gauss-Newton step (rotation vector, translation) from each start."""
    turned, towards, distance = _directions(rotation, translation, points_cm)
    residual = towards - rays
    size = residual.norm(dim=-1)
    scale = 1.5 * size.median(1, keepdim=True).values.clamp(min=1e-12)
    weight = 1.0 / (1.0 + (size / scale).square())
    by_move = (torch.eye(3).to(rays) - towards[..., None] * towards[..., None, :]) / distance[..., None]
    jacobian = torch.cat((-by_move @ _hat(turned), by_move), -1)
    weighted = jacobian * weight[..., None, None]
    normal = torch.einsum("snki,snkj->sij", weighted, jacobian)
    normal = normal + 1e-9 * normal.diagonal(dim1=-2, dim2=-1).mean(-1)[:, None, None] * torch.eye(6).to(rays)
    step = -torch.linalg.solve(normal, torch.einsum("snki,snk->si", weighted, residual))
    parts = zip(step.split(3, -1), _LONGEST_STEP, strict=True)
    return torch.cat([part * (most / part.norm(dim=-1, keepdim=True)).clamp(max=1.0) for part, most in parts], -1)


def _hat(vectors: Float[Tensor, "s n 3"]) -> Float[Tensor, "s n 3 3"]:
    """Matrices H(v) with H(v) w = v x w."""
    x, y, z = vectors.unbind(-1)
    o = torch.zeros_like(x)
    return torch.stack((o, -z, y, z, o, -x, -y, x, o), -1).unflatten(-1, (3, 3))
