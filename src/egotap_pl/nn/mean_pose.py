"""What all lifters have in common: the pose that they start from."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from egotap_pl.core.skeleton import Skeleton


class FromMeanPose(nn.Module):
    """Base class of networks that estimate the difference from a pose; zeros until it is set.

    Args:
        skeleton: the skeleton of the estimated pose.
    """

    mean_pose_cm: Tensor

    def __init__(self, skeleton: Skeleton) -> None:
        super().__init__()
        self.register_buffer("mean_pose_cm", torch.zeros(len(skeleton.estimated), 3))

    def set_mean_pose(self, pose_cm: Float[Tensor, "e 3"]) -> None:
        """Sets the pose to which estimates are added, typically the mean of the training set."""
        self.mean_pose_cm.copy_(pose_cm)
