"""Where a pose without an origin is in front of the cameras, from where its joints are in the images."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from egotap_pl.core.camera.rig import StereoRig

_ASTRAY_CM = 5.0  # a joint this far from its ray counts half: heatmaps may peak at another joint
_STEPS = 15
_LEAST_WEIGHT = 3.0  # of all rays together: three clear sightings


def place_pose(
    pose_cm: Float[Tensor, "b j 3"],
    points_px: Float[Tensor, "b v j 2"],
    weights: Float[Tensor, "b v j"],
    rig: StereoRig,
) -> Float[Tensor, "b 3"]:
    """The origin, in the left camera's axes, for which the joints are nearest to the rays of their pixels.

    The weighted least squares of the joints' distances from their rays in all views, iteratively reweighted (Cauchy's
    function), so that joints far from their rays hardly count. Poses whose weights sum up to less than 3, and those
    whose place the rays do not determine, get NaN.

    Args:
        pose_cm: joints relative to the origin that is sought, in the left camera's axes.
        points_px: pixels of the same joints in each view; anything where the weight is 0.
        weights: how much each sighting counts, 0 to 1.
        rig: the cameras.
    """
    pose, weights = pose_cm.double(), weights.double()
    points = torch.where(weights[..., None] > 0, points_px.double(), 0.0)
    rotation = pose.new_tensor(rig.rotation)
    right_cm = -rotation.T @ pose.new_tensor(rig.translation_cm)
    left, right = (camera.unproject(points[:, view])[0] for view, camera in enumerate(rig.cameras))
    rays = torch.stack((left, right @ rotation), 1)
    across = torch.eye(3, dtype=pose.dtype, device=pose.device) - rays[..., :, None] * rays[..., None, :]
    centres = torch.stack((torch.zeros_like(right_cm), right_cm))
    to_joints = pose[:, None] - centres[:, None]
    enough = weights.sum((1, 2)) >= _LEAST_WEIGHT
    effective, origin = weights, pose.new_zeros(len(pose), 3)
    for _ in range(_STEPS):
        matrix = torch.einsum("bvj,bvjkl->bkl", effective, across)
        vector = -torch.einsum("bvj,bvjkl,bvjl->bk", effective, across, to_joints)
        solvable = enough & (torch.linalg.det(matrix) > 1e-6)
        matrix = torch.where(solvable[:, None, None], matrix, torch.eye(3, dtype=pose.dtype, device=pose.device))
        origin = torch.linalg.solve(matrix, vector)
        away = torch.einsum("bvjkl,bvjl->bvjk", across, to_joints + origin[:, None, None]).norm(dim=-1)
        effective = weights / (1 + (away / _ASTRAY_CM).square())
        enough = solvable
    return torch.where(enough[:, None], origin, torch.nan).to(pose_cm.dtype)
