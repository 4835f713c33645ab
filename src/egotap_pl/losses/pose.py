"""Loss terms of an estimated pose."""

from __future__ import annotations

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import cosine_similarity, mse_loss, normalize

_SHORTEST_LIMB_CM = 1e-2  # a shorter estimate counts less, so that its gradient stays bounded


def mpjpe_cm(pose_cm: Float[Tensor, "b j 3"], truth_cm: Float[Tensor, "b j 3"]) -> Float[Tensor, ""]:
    """Mean distance between estimated and true joints, in cm, over joints and batch (paper 3.1).

    Examples:
        >>> import torch
        >>> truth_cm = torch.zeros(1, 16, 3)
        >>> mpjpe_cm(truth_cm + torch.tensor([3.0, 0.0, 4.0]), truth_cm)
        tensor(5.)
    """
    return (pose_cm - truth_cm).norm(dim=-1).mean()


def bone_cosine(
    pose_cm: Float[Tensor, "b j 3"], truth_cm: Float[Tensor, "b j 3"], limbs: Sequence[tuple[int, int]]
) -> Float[Tensor, ""]:
    """Negative cosine between estimated and true limbs, summed over limbs, mean over the batch (paper 3.1, release).

    Args:
        pose_cm: estimated poses.
        truth_cm: true poses.
        limbs: the two rows of a pose that each limb joins (`Skeleton.estimated_limbs`).
    """
    child, parent = [c for c, _ in limbs], [p for _, p in limbs]
    estimated, true = pose_cm[:, child] - pose_cm[:, parent], truth_cm[:, child] - truth_cm[:, parent]
    return -cosine_similarity(estimated, true, dim=-1, eps=_SHORTEST_LIMB_CM).sum(-1).mean()


def limb_direction_mse(
    directions: Float[Tensor, "b l 3"], pose_cm: Float[Tensor, "b j 3"], limbs: Sequence[tuple[int, int]]
) -> Float[Tensor, ""]:
    """Mean squared error of limb directions against the unit vectors from parent to child (Ego3DPose).

    Args:
        directions: estimated directions, of any length.
        pose_cm: true positions of all joints.
        limbs: (child, parent) of each limb, as joint indices.
    """
    child, parent = [c for c, _ in limbs], [p for _, p in limbs]
    return mse_loss(directions, normalize(pose_cm[:, child] - pose_cm[:, parent], dim=-1))
