"""The interface of heads that estimate a lifter's own errors."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn


class DoubtHead(nn.Module):
    """Estimates a scale of the error of each joint, from the pose and the joint heatmaps that it was lifted from.

    A task makes its head with ``factory(skeleton=...)``. A subclass has `scale_cm`, which is trained by `nll`, and
    `mean_error_cm`. Errors on training frames are smaller than on others, so that the scales of frames that were not
    trained on are multiplied by a factor, which the task sets from the validation split after every epoch.
    """

    factor: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("factor", torch.ones(()))

    def scale_cm(
        self, pose_cm: Float[Tensor, "b e 3"], joint_heatmaps: Float[Tensor, "b v j h w"]
    ) -> Float[Tensor, "b e"]:
        """Scale of the distribution of each joint's error, in cm, as it is trained."""
        raise NotImplementedError

    def mean_error_cm(self, scale_cm: Float[Tensor, "b e"]) -> Float[Tensor, "b e"]:
        """Mean of the distribution of a joint's error, in cm."""
        raise NotImplementedError

    def nll(self, error_cm: Float[Tensor, "b e"], scale_cm: Float[Tensor, "b e"]) -> Float[Tensor, "b e"]:
        """Negative logarithm of the likelihood of each joint's error."""
        raise NotImplementedError

    def forward(
        self, pose_cm: Float[Tensor, "b e 3"], joint_heatmaps: Float[Tensor, "b v j h w"]
    ) -> Float[Tensor, "b e"]:
        """The error to be expected of each joint, in cm."""
        return self.factor * self.mean_error_cm(self.scale_cm(pose_cm, joint_heatmaps))
