"""Loss terms of an estimated pose."""

from __future__ import annotations

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import cosine_similarity, mse_loss, normalize

_SHORTEST_BONE_CM = 1e-2  # a shorter estimate counts for less instead of turning by a huge gradient


def mpjpe_cm(pose_cm: Float[Tensor, "b j 3"], truth_cm: Float[Tensor, "b j 3"]) -> Float[Tensor, ""]:
    """Distance between estimated and true joint, in cm, mean over joints and batch (paper 3.1)."""
    return (pose_cm - truth_cm).norm(dim=-1).mean()


def bone_cosine(
    pose_cm: Float[Tensor, "b j 3"], truth_cm: Float[Tensor, "b j 3"], bones: Sequence[tuple[int, int]]
) -> Float[Tensor, ""]:
    """Minus the cosine between estimated and true bone, summed over bones, mean over the batch (paper 3.1, release).

    Args:
        pose_cm: estimate.
        truth_cm: truth.
        bones: rows of the two joints of each bone (`Skeleton.estimated_limbs`).
    """
    child, parent = [c for c, _ in bones], [p for _, p in bones]
    estimated, true = pose_cm[:, child] - pose_cm[:, parent], truth_cm[:, child] - truth_cm[:, parent]
    return -cosine_similarity(estimated, true, dim=-1, eps=_SHORTEST_BONE_CM).sum(-1).mean()


def limb_direction_mse(
    directions: Float[Tensor, "b l 3"], pose_cm: Float[Tensor, "b j 3"], limbs: Sequence[tuple[int, int]]
) -> Float[Tensor, ""]:
    """Squared error of limb directions against the unit vectors from parent to child, mean over all (Ego3DPose).

    Args:
        directions: estimate, of any length.
        pose_cm: true positions of all joints.
        limbs: (child, parent) of each limb, as indices of joints.
    """
    child, parent = [c for c, _ in limbs], [p for _, p in limbs]
    return mse_loss(directions, normalize(pose_cm[:, child] - pose_cm[:, parent], dim=-1))
