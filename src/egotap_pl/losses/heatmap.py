"""Loss terms of estimated or rebuilt heatmaps."""

from __future__ import annotations

from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import mse_loss

from egotap_pl.core.known import all_over_known, known_mean


def map_mse(
    maps: Float[Tensor, "*maps h w"], truth: Float[Tensor, "*maps h w"], known: Bool[Tensor, "*maps"] | None = None
) -> Float[Tensor, ""]:
    """Mean squared error over all pixels of heatmaps, masks or any other maps.

    Args:
        maps: estimated or rebuilt maps.
        truth: true maps; zeros where they are not known.
        known: which of them count; None: all.
    """
    if known is None:
        return mse_loss(maps, truth)
    error = mse_loss(maps * known[..., None, None].to(maps.dtype), truth)  # half the time of torch.where
    return error * all_over_known(known, error.dtype)


def joint_heatmap_mse(
    heatmaps: Float[Tensor, "b v j h w"],
    truth: Float[Tensor, "b v j h w"],
    known: Bool[Tensor, "b v j"] | None = None,
) -> Float[Tensor, ""]:
    """Mean squared error over all pixels of joint heatmaps.

    Args:
        heatmaps: estimated heatmaps.
        truth: true heatmaps; zeros where a joint is not known.
        known: whose heatmaps count (`egotap_pl.core.known.known_points`); None: all.

    Examples:
        >>> import torch
        >>> truth = torch.zeros(1, 2, 15, 8, 8)
        >>> joint_heatmap_mse(truth + 0.5, truth)
        tensor(0.2500)
    """
    return map_mse(heatmaps, truth, known)


def limb_heatmap_mse(
    heatmaps: Float[Tensor, "b v j 2 h w"],
    truth: Float[Tensor, "b v j 2 h w"],
    lengths_px: Float[Tensor, "b v j"],
    known: Bool[Tensor, "b v j"] | None = None,
) -> Float[Tensor, ""]:
    """Mean squared error over all pixels of limb heatmaps, where long limbs count less.

    Both heatmaps of a limb are divided by sqrt(length in that view + 1) (release): a long limb covers more pixels.

    Args:
        heatmaps: estimated heatmaps.
        truth: true heatmaps.
        lengths_px: lengths of the true limbs, px of the heatmap, from `limb_lengths_px`.
        known: whose heatmaps count (`egotap_pl.core.known.known_limbs`); None: all.

    Examples:
        >>> import torch
        >>> truth = torch.zeros(1, 2, 15, 2, 8, 8)
        >>> limb_heatmap_mse(truth + 0.5, truth, lengths_px=torch.zeros(1, 2, 15))
        tensor(0.2500)
        >>> limb_heatmap_mse(truth + 0.5, truth, lengths_px=torch.full((1, 2, 15), 4.0))
        tensor(0.0500)
    """
    per_limb = (heatmaps - truth).square().mean((-3, -2, -1))
    weighted = per_limb / (lengths_px + 1.0)
    return weighted.mean() if known is None else known_mean(weighted, known)
