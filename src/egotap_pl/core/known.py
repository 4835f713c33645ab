"""Joints that a data set does not know: their coordinates are NaN, and no loss, metric or mean counts them.

Everything here is elementwise or a sum, so that a training step neither waits for its device nor changes shapes. Where
all values are known, a mean is multiplied by exactly 1: it is the plain mean, to the last digit.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from egotap_pl.core.batch import Batch, Visibility
from egotap_pl.core.skeleton import Skeleton


def is_known(points: Float[Tensor, "*n d"]) -> Bool[Tensor, "*n"]:
    """Whether points are known: none of their coordinates is NaN."""
    return ~points.isnan().any(-1)


def known_mean(values: Tensor, known: Bool[Tensor, "..."], dim: int | None = None) -> Tensor:
    """Mean of the values that are known. What the others are, NaN included, affects neither the mean nor gradients.

    Args:
        values: any numbers.
        known: which of them count; of the same shape, or of one that is broadcast to it.
        dim: the axis that the mean is over; None: all.

    Returns:
        The mean; where no value is known, NaN for a mean along an axis and 0 for the mean of all, which is a loss that
        nothing can be learned from.

    Examples:
        >>> values = torch.tensor([[1.0, 5.0], [3.0, torch.nan]])
        >>> known_mean(values, ~values.isnan()), known_mean(values, ~values.isnan(), dim=0)
        (tensor(3.), tensor([2., 5.]))
    """
    known = known.expand(values.shape)
    counted = torch.where(known, values, 0.0)
    if dim is None:
        return counted.mean() * all_over_known(known, values.dtype)
    number = known.sum(dim, dtype=torch.promote_types(values.dtype, torch.float32))
    return counted.mean(dim) * (torch.full_like(number, known.shape[dim]) / number).to(values.dtype)


def all_over_known(known: Bool[Tensor, "..."], dtype: torch.dtype) -> Tensor:
    """The number of elements over the number of known ones, at least one.

    The mean of all elements, of which those that are not known are 0, times this is the mean of the known ones.

    Args:
        known: which elements are known.
        dtype: type of the result.
    """
    number = known.sum(dtype=torch.promote_types(dtype, torch.float32)).clamp(min=1)
    # Both as tensors: torch divides a plain number by a tensor as a product, which is not always 1 if they are equal.
    return (torch.full_like(number, known.numel()) / number).to(dtype)


def known_points(batch: Batch) -> Bool[Tensor, "b v j"]:
    """Whether it is known what each view shows of each joint: its place, or that it is out of view."""
    return is_known(batch.points2d_px) | (batch.visibility == Visibility.OUT_OF_VIEW)


def known_limbs(batch: Batch, skeleton: Skeleton) -> Bool[Tensor, "b v l"]:
    """Whether the heatmap of each limb is known in each view: both ends are, there and in space."""
    joints = known_points(batch) & is_known(batch.pose_cm)[:, None]
    parents = torch.stack([joints[:, :, parent] for parent in skeleton.parents[1:]], -1)  # a list would be copied there
    return joints[:, :, 1:] & parents
