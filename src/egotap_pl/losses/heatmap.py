"""Loss terms of estimated or rebuilt heatmaps."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import mse_loss


def map_mse(maps: Float[Tensor, "*maps"], truth: Float[Tensor, "*maps"]) -> Float[Tensor, ""]:
    """Mean squared error over all pixels of heatmaps, masks or any other maps."""
    return mse_loss(maps, truth)


def joint_heatmap_mse(heatmaps: Float[Tensor, "b v j h w"], truth: Float[Tensor, "b v j h w"]) -> Float[Tensor, ""]:
    """Mean squared error over all pixels of joint heatmaps.

    Examples:
        >>> import torch
        >>> truth = torch.zeros(1, 2, 15, 8, 8)
        >>> joint_heatmap_mse(truth + 0.5, truth)
        tensor(0.2500)
    """
    return mse_loss(heatmaps, truth)


def limb_heatmap_mse(
    heatmaps: Float[Tensor, "b v j 2 h w"], truth: Float[Tensor, "b v j 2 h w"], lengths_px: Float[Tensor, "b v j"]
) -> Float[Tensor, ""]:
    """Mean squared error over all pixels of limb heatmaps, where long limbs count less.

    Both heatmaps of a limb are divided by sqrt(length in that view + 1) (release): a long limb covers more pixels.

    Args:
        heatmaps: estimated heatmaps.
        truth: true heatmaps.
        lengths_px: lengths of the true limbs, px of the heatmap, from `limb_lengths_px`.

    Examples:
        >>> import torch
        >>> truth = torch.zeros(1, 2, 15, 2, 8, 8)
        >>> limb_heatmap_mse(truth + 0.5, truth, lengths_px=torch.zeros(1, 2, 15))
        tensor(0.2500)
        >>> limb_heatmap_mse(truth + 0.5, truth, lengths_px=torch.full((1, 2, 15), 4.0))
        tensor(0.0500)
    """
    per_limb = (heatmaps - truth).square().mean((-3, -2, -1))
    return (per_limb / (lengths_px + 1.0)).mean()
