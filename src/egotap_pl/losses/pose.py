"""Loss terms of an estimated pose. True joints that are NaN are not known and do not count."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import cosine_similarity, mse_loss, normalize

from egotap_pl.core.constants import constant
from egotap_pl.core.known import all_over_known, is_known, known_mean

_SHORTEST_LIMB_CM = 1e-2  # a shorter estimate counts less, so that its gradient stays bounded


def mpjpe_cm(pose_cm: Float[Tensor, "b j 3"], truth_cm: Float[Tensor, "b j 3"]) -> Float[Tensor, ""]:
    """Mean distance between estimated and true joints, in cm, over known joints and batch (paper 3.1).

    Raises:
        ValueError: if the shapes differ. Estimates of one joint for all, say, would be broadcast.

    Examples:
        >>> import torch
        >>> truth_cm = torch.zeros(1, 16, 3)
        >>> mpjpe_cm(truth_cm + torch.tensor([3.0, 0.0, 4.0]), truth_cm)
        tensor(5.)
    """
    if pose_cm.shape != truth_cm.shape:
        raise ValueError(
            f"poses of shape {tuple(pose_cm.shape)} were estimated, the true ones have {tuple(truth_cm.shape)}"
        )
    known = is_known(truth_cm)
    distance_cm = torch.where(known[..., None], pose_cm - truth_cm, 0.0).norm(dim=-1)
    return known_mean(distance_cm, known)


def origin_distance_cm(origin_cm: Float[Tensor, "b 3"], truth_cm: Float[Tensor, "b 3"]) -> Float[Tensor, ""]:
    """Mean distance between estimated and true origins, in cm, over the frames whose origin is known.

    Examples:
        >>> import torch
        >>> truth_cm = torch.tensor([[0.0, 0.0, 60.0], [torch.nan, torch.nan, torch.nan]])
        >>> origin_distance_cm(torch.tensor([[3.0, 4.0, 60.0], [0.0, 0.0, 0.0]]), truth_cm)
        tensor(5.)
    """
    return mpjpe_cm(origin_cm[:, None], truth_cm[:, None])


def bone_cosine(
    pose_cm: Float[Tensor, "b j 3"], truth_cm: Float[Tensor, "b j 3"], limbs: Sequence[tuple[int, int]]
) -> Float[Tensor, ""]:
    """Negative cosine between estimated and true limbs, summed over limbs, mean over the batch (paper 3.1, release).

    If limbs are not known, it is the mean over those that are, times the number of limbs. Without limbs, it is 0.

    Args:
        pose_cm: estimated poses.
        truth_cm: true poses.
        limbs: the two rows of a pose that each limb joins (`Skeleton.estimated_limbs`); none if all joints hang on a
            root that is not estimated.
    """
    if not limbs:
        return pose_cm.new_zeros(())
    child, parent = (constant(joints, pose_cm.device) for joints in zip(*limbs, strict=True))
    estimated, true = pose_cm[:, child] - pose_cm[:, parent], truth_cm[:, child] - truth_cm[:, parent]
    known = is_known(true)
    true = torch.where(known[..., None], true, 0.0)  # a limb without length has cosine 0 and no gradient
    cosine = cosine_similarity(estimated, true, dim=-1, eps=_SHORTEST_LIMB_CM)
    return -cosine.sum(-1).mean() * all_over_known(known, cosine.dtype)


def limb_direction_mse(
    directions: Float[Tensor, "b l 3"], pose_cm: Float[Tensor, "b j 3"], limbs: Sequence[tuple[int, int]]
) -> Float[Tensor, ""]:
    """Mean squared error of limb directions against the unit vectors from parent to child (Ego3DPose).

    Args:
        directions: estimated directions, of any length.
        pose_cm: true positions of all joints.
        limbs: (child, parent) of each limb, as joint indices.
    """
    child, parent = (constant(joints, pose_cm.device) for joints in zip(*limbs, strict=True))
    true = pose_cm[:, child] - pose_cm[:, parent]
    known = is_known(true)[..., None]
    error = mse_loss(torch.where(known, directions, 0.0), normalize(torch.where(known, true, 0.0), dim=-1))
    return error * all_over_known(known, error.dtype)
