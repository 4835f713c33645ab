"""How EgoCap's second camera stands to the first.

The release does not say it: its calibration files hold each camera's own numbers. But poses are in the first camera's
frame and the second camera's points are annotated, so the second camera can be located among the training poses.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import roma
import torch
from jaxtyping import Float
from torch import Tensor

from egotap_pl.core.camera import FisheyeCamera, StereoRig
from egotap_pl.core.errors import EgotapError

MIN_POINTS = 50
_STEPS = 100
_LONGEST_STEP = (0.5, 20.0)  # rad and cm
_SETTLED = 1e-11


class RigFit(NamedTuple):
    """A rig and how well it explains the annotated points.

    Fields:
        rig: the two cameras.
        median_px: median distance of a pose's projection to its annotated point, per view, px of the cameras' frame.
        points: annotated joints of the second view that it was fitted to.
    """

    rig: StereoRig
    median_px: tuple[float, float]
    points: int


def fit_rig(
    cameras: tuple[FisheyeCamera, FisheyeCamera],
    pose_cm: Float[np.ndarray, "n j 3"],
    points_px: Float[np.ndarray, "n v j 2"],
) -> RigFit:
    """Locate the second camera from poses in the first one's frame and the points that both see (NaN: not annotated).

    Raises:
        EgotapError: if there are too few annotated points.
    """
    points_cm = torch.from_numpy(pose_cm).double().flatten(0, 1)
    seen = torch.from_numpy(points_px[:, 1]).double().flatten(0, 1)
    rotation, translation, count = locate(cameras[1], points_cm, seen)
    row0, row1, row2 = ((a, b, c) for a, b, c in rotation.tolist())
    x, y, z = translation.tolist()
    rig = StereoRig("egocap", cameras, (row0, row1, row2), (x, y, z))
    left, right = median_distance_px(rig, pose_cm, points_px)
    return RigFit(rig, (left, right), count)


def median_distance_px(
    rig: StereoRig, pose_cm: Float[np.ndarray, "n j 3"], points_px: Float[np.ndarray, "n v j 2"]
) -> tuple[float, float]:
    """Median distance of the poses' projections to annotated points in each view; NaN where none is annotated."""
    projected, _ = rig.project(torch.from_numpy(pose_cm).double())
    distance = (projected - torch.from_numpy(points_px).double()).norm(dim=-1)
    left, right = (float(distance[:, view].nanmedian()) for view in range(2))
    return left, right


def locate(
    camera: FisheyeCamera, points_cm: Float[Tensor, "n 3"], px: Float[Tensor, "n 2"]
) -> tuple[Float[Tensor, "3 3"], Float[Tensor, "3"], int]:
    """Rotation and translation into the frame of a camera that sees points at pixels, and how many it used.

    Iteratively reweighted least squares on the difference of unit rays, with Cauchy weights whose scale is the median
    residual: up to about a third of the pixels may be wrong. It begins from four orientations about the optical axis.

    Raises:
        EgotapError: if fewer than `MIN_POINTS` pixels lie in the camera's view.
    """
    good = px.isfinite().all(-1)
    rays, inside = camera.unproject(torch.where(good[:, None], px, 0.0))
    good &= inside
    if int(good.sum()) < MIN_POINTS:
        raise EgotapError(
            f"only {int(good.sum())} joints are annotated within the second camera's view, too few to locate that "
            f"camera ({MIN_POINTS} are needed): are the calibration and the annotations those of EgoCap?"
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
    """Matrices that take the cross product with vectors from the left."""
    x, y, z = vectors.unbind(-1)
    o = torch.zeros_like(x)
    return torch.stack((o, -z, y, z, o, -x, -y, x, o), -1).unflatten(-1, (3, 3))
