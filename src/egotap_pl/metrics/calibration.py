"""Whether the errors that a network promises are those that are found."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor


class Calibration(NamedTuple):
    """Joints in groups of equal size, from the smallest promised error to the largest."""

    promised_mm: Float[Tensor, "g"]
    """Mean of the promised errors in each group."""

    found_mm: Float[Tensor, "g"]
    """Mean of the found errors."""

    joints: Int[Tensor, "g"]
    """Number of joints."""

    @property
    def error_mm(self) -> float:
        """Mean difference between promised and found errors of the groups, weighted by their sizes; NaN if empty."""
        difference = (self.promised_mm - self.found_mm).abs()
        return float((difference * self.joints).sum() / self.joints.sum())


def calibration(promised_mm: Float[Tensor, "*n"], found_mm: Float[Tensor, "*n"], groups: int = 10) -> Calibration:
    """Promised against found errors.

    Args:
        promised_mm: the error to be expected of each joint.
        found_mm: its error; NaN where it is not known, which does not count.
        groups: number of groups; fewer if there are fewer joints.

    Examples:
        >>> result = calibration(torch.tensor([1.0, 9.0, 2.0, 8.0]), torch.tensor([1.0, 8.0, 1.0, 5.0]), groups=2)
        >>> result.promised_mm.tolist(), result.found_mm.tolist(), result.error_mm
        ([1.5, 8.5], [1.0, 6.5], 1.25)
    """
    promised, found = promised_mm.flatten().double(), found_mm.flatten().double()
    known = ~found.isnan()
    promised, found = promised[known], found[known]
    order = promised.argsort(stable=True)
    parts = [part for part in order.tensor_split(groups) if len(part)]
    return Calibration(
        promised_mm=torch.stack([promised[part].mean() for part in parts]) if parts else promised,
        found_mm=torch.stack([found[part].mean() for part in parts]) if parts else found,
        joints=torch.tensor([len(part) for part in parts], dtype=torch.int64),
    )
