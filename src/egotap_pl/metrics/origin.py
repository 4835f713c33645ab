"""Error of an estimated origin over a data set."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torchmetrics import Metric

from egotap_pl.core.known import is_known
from egotap_pl.metrics.pose import joint_errors_mm


class OriginError(Metric):
    """Mean distance between estimated and true origins in mm, over the frames whose origin is known.

    Examples:
        >>> metric, truth_cm = OriginError(), torch.tensor([[0.0, 0.0, 60.0], [torch.nan] * 3])
        >>> metric.update(torch.tensor([[3.0, 4.0, 60.0], [0.0, 0.0, 0.0]]), truth_cm)
        >>> metric.compute()
        50.0
    """

    is_differentiable = False
    higher_is_better = False
    full_state_update = False
    total_mm: Tensor
    frames: Tensor

    def __init__(self) -> None:
        super().__init__()
        for name in ("total_mm", "frames"):
            self.add_state(name, torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")

    def update(self, origin_cm: Float[Tensor, "b 3"], truth_cm: Float[Tensor, "b 3"]) -> None:
        """Adds a batch.

        Args:
            origin_cm: estimated origins.
            truth_cm: true origins in the same frame; NaN where they are not known.
        """
        known = is_known(truth_cm)
        errors_mm = joint_errors_mm(origin_cm[:, None], truth_cm[:, None])[:, 0]
        self.total_mm += torch.where(known, errors_mm, 0.0).sum()
        self.frames += known.sum()

    def compute(self) -> float | None:
        """The mean in mm; None if the origin of no frame is known."""
        return float(self.total_mm / self.frames) if self.frames else None
