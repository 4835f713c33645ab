"""Loss terms of estimated or reconstructed heatmaps."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import mse_loss


def map_mse(maps: Float[Tensor, "*maps"], truth: Float[Tensor, "*maps"]) -> Float[Tensor, ""]:
    """Squared error, mean over all pixels of maps of any kind (reconstruction of an encoder's input)."""
    return mse_loss(maps, truth)


def joint_heatmap_mse(maps: Float[Tensor, "b v j h w"], truth: Float[Tensor, "b v j h w"]) -> Float[Tensor, ""]:
    """Squared error of joint maps, mean over all pixels."""
    return mse_loss(maps, truth)


def limb_heatmap_mse(
    maps: Float[Tensor, "b v j 2 h w"], truth: Float[Tensor, "b v j 2 h w"], lengths_px: Float[Tensor, "b v j"]
) -> Float[Tensor, ""]:
    """Squared error of limb maps, both divided by sqrt(the limb's length in that view + 1) (release), mean over pixels.

    Args:
        maps: estimate.
        truth: truth.
        lengths_px: `limb_lengths_px` of the true limbs, px of the map. A long limb covers more pixels and would count
            for more.
    """
    per_limb = (maps - truth).square().mean((-3, -2, -1))
    return (per_limb / (lengths_px + 1.0)).mean()
