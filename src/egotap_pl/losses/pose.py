"""Loss terms of an estimated pose."""

from __future__ import annotations

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import cosine_similarity

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
        bones: rows of the two joints of each bone (`Skeleton.estimated_bones`).
    """
    child, parent = [c for c, _ in bones], [p for _, p in bones]
    estimated, true = pose_cm[:, child] - pose_cm[:, parent], truth_cm[:, child] - truth_cm[:, parent]
    return -cosine_similarity(estimated, true, dim=-1, eps=_SHORTEST_BONE_CM).sum(-1).mean()
