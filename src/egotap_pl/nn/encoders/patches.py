"""Cuts heatmaps into patches."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor


def patch_size(heatmap_px: int, patches_per_side: int) -> int:
    """Side of a patch, in px.

    Raises:
        ValueError: if the side of a heatmap is not a multiple of the number of patches.
    """
    if heatmap_px % patches_per_side:
        raise ValueError(f"a heatmap of {heatmap_px} px cannot be cut into {patches_per_side} patches per side")
    return heatmap_px // patches_per_side


def cut_patches(maps: Float[Tensor, "*n h w"], patch_px: int) -> Float[Tensor, "*n p q"]:
    """The flattened patches of each heatmap, row by row."""
    cut = maps.unflatten(-2, (-1, patch_px)).unflatten(-1, (-1, patch_px))
    return cut.transpose(-3, -2).flatten(-4, -3).flatten(-2)
