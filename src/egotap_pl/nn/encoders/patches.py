"""Heatmaps cut into patches."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor


def patch_size(heatmap_px: int, patches_per_side: int) -> int:
    """Side of a patch, px.

    Raises:
        ValueError: if the patches do not cut the map evenly.
    """
    if heatmap_px % patches_per_side:
        raise ValueError(f"a heatmap of {heatmap_px} px cannot be cut into {patches_per_side} patches a side")
    return heatmap_px // patches_per_side


def cut_patches(maps: Float[Tensor, "*n h w"], patch_px: int) -> Float[Tensor, "*n p q"]:
    """The patches of each map, row by row, each flattened."""
    cut = maps.unflatten(-2, (-1, patch_px)).unflatten(-1, (-1, patch_px))
    return cut.transpose(-3, -2).flatten(-4, -3).flatten(-2)
