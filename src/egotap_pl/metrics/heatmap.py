"""Errors of heatmaps over a data set."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torchmetrics import Metric


class HeatmapMSE(Metric):
    """Mean squared error per pixel of joint or limb heatmaps, overall and per view.

    Args:
        views: names of the views.

    Examples:
        >>> metric, truth = HeatmapMSE(), torch.zeros(1, 2, 15, 8, 8)
        >>> metric.update(truth + 0.5, truth)
        >>> metric.compute()
        {'mse': 0.25, 'zeros_mse': 0.0, 'per_view': {'left': 0.25, 'right': 0.25}}
    """

    is_differentiable = False
    higher_is_better = False
    full_state_update = False
    squared: Tensor
    squared_truth: Tensor
    pixels: Tensor

    def __init__(self, views: Sequence[str] = ("left", "right")) -> None:
        super().__init__()
        self.views = tuple(views)
        for name in ("squared", "squared_truth", "pixels"):
            self.add_state(name, torch.zeros(len(self.views), dtype=torch.float64), dist_reduce_fx="sum")

    def update(
        self,
        heatmaps: Float[Tensor, "b v j *maps"],
        truth: Float[Tensor, "b v j *maps"],
        known: Bool[Tensor, "b v j"] | None = None,
    ) -> None:
        """Adds a batch.

        Args:
            heatmaps: estimated or rebuilt heatmaps.
            truth: true heatmaps; zeros where they are not known.
            known: which of them count; None: all.
        """
        difference = heatmaps - truth
        if known is None:
            self.pixels += truth[:, 0].numel()
        else:
            difference = torch.where(known.view(*known.shape, *[1] * (truth.ndim - known.ndim)), difference, 0.0)
            self.pixels += known.sum((0, 2)) * truth[0, 0, 0].numel()
        self.squared += _per_view(difference)
        self.squared_truth += _per_view(truth)

    def compute(self) -> dict[str, Any]:
        """``mse``, ``zeros_mse`` (the error of all-zero heatmaps, paper Table 3) and ``per_view`` {view: mse}."""
        return {
            "mse": float(self.squared.sum() / self.pixels.sum()),
            "zeros_mse": float(self.squared_truth.sum() / self.pixels.sum()),
            "per_view": dict(zip(self.views, (self.squared / self.pixels).tolist(), strict=True)),
        }


def _per_view(maps: Float[Tensor, "b v *maps"]) -> Float[Tensor, "v"]:
    return maps.float().square().flatten(2).sum((0, 2), dtype=torch.float64)
