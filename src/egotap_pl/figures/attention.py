"""Figures of what Grid ViT's tokens attend to (paper 3.2)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patches import Rectangle

from egotap_pl.core.skeleton import Skeleton
from egotap_pl.figures.style import BLACK, SMALL, TEXT, VERMILION, hide_ticks, page

_SHADES = "YlGnBu"
_FAINT = 0.1  # a heatmap with a lower peak shows no joint


class AttendingFrame(NamedTuple):
    """A frame in `attention_figure`."""

    title: str
    """Label of the frame's first row."""
    heatmaps: Float[np.ndarray, "v j h w"]
    """Joint heatmaps of both views, peak 1."""
    layers: Sequence[Float[np.ndarray, "v j r c"]]
    """For each block of the transformer, the share of attention that goes to each view, joint, patch row and column."""


def attention_figure(frames: Sequence[AttendingFrame], skeleton: Skeleton, joint: int) -> Figure:
    """The attention that one joint's tokens pay: a row per frame, block and view, a column per attended joint.

    Colours give the attention in multiples of an even share. A line outlines the attended joint in its heatmap.

    Args:
        frames: frames with heatmaps of equal size and the same number of blocks.
        skeleton: the skeleton whose joints 1, 2, ... the heatmaps show.
        joint: heatmap channel of the attending joint, which is framed.
    """
    views, blocks = len(frames[0].heatmaps), len(frames[0].layers)
    rows = list(product(frames, range(blocks), range(views)))
    top = float(np.percentile(np.concatenate([layer.ravel() for f in frames for layer in f.layers]), 99.5))
    figure = page(0.9 + 0.43 * len(rows))
    axes = figure.subplots(len(rows), 1, squeeze=False)[:, 0]
    image = None
    for axis, (frame, block, view) in zip(axes, rows, strict=True):
        image = _attention_row(axis, frame, block, view, joint, top)
    side = frames[0].heatmaps.shape[-1]
    for channel, name in enumerate(skeleton.joints[1:]):
        place = (channel * (side + _gap(side)) + side / 3, -0.15 * side)
        axes[0].text(*place, name, fontsize=SMALL, rotation=45, ha="left", va="bottom")
    assert image is not None
    bar = figure.colorbar(image, ax=axes, shrink=0.6, aspect=30, pad=0.01)
    bar.set_label("attention (1 = even)", fontsize=TEXT)
    bar.ax.tick_params(labelsize=SMALL)
    return figure


def _attention_row(axis: Axes, frame: AttendingFrame, block: int, view: int, joint: int, top: float) -> AxesImage:
    patches, heatmaps = frame.layers[block][view], frame.heatmaps[view]
    side = heatmaps.shape[-1]
    scale = side // patches.shape[-1]
    tokens = frame.layers[block].size
    strip = _strip(patches.repeat(scale, 1).repeat(scale, 2)) * tokens
    image = axis.imshow(strip, cmap=_SHADES, vmin=0, vmax=top * tokens, interpolation="nearest")
    peaks = heatmaps.max((1, 2), keepdims=True)
    outlines = _strip(np.where(peaks > _FAINT, heatmaps / np.maximum(peaks, _FAINT), 0))
    if np.nanmax(outlines) > 0:
        axis.contour(outlines, [0.5], colors=VERMILION, linewidths=1.2)
    corner = (joint * (side + _gap(side)) - 0.5, -0.5)
    axis.add_patch(Rectangle(corner, side, side, fill=False, edgecolor=BLACK, linewidth=1.6, clip_on=False))
    heading = f"{frame.title}\n" if (block, view) == (0, 0) else ""
    label = f"{heading}layer {block + 1}, {('left', 'right')[view]}"
    axis.set_ylabel(label, fontsize=SMALL, rotation=0, ha="right", va="center")
    hide_ticks(axis)
    axis.spines[:].set_visible(False)
    return image


def _gap(side: int) -> int:
    return max(side // 8, 1)


def _strip(heatmaps: Float[np.ndarray, "j h w"]) -> Float[np.ndarray, "h x"]:
    """Heatmaps beside each other, with gaps of NaN between them."""
    padded = np.pad(
        heatmaps.astype(np.float64), ((0, 0), (0, 0), (0, _gap(heatmaps.shape[-1]))), constant_values=np.nan
    )
    return np.concatenate(list(padded), -1)[:, : -_gap(heatmaps.shape[-1])]


def joint_attention_figure(layers: Sequence[Float[np.ndarray, "v j v j"]], skeleton: Skeleton) -> Figure:
    """The attention between joints, over all views: a matrix per block. Circles mark each joint's parent.

    Args:
        layers: for each block, the share of attention that goes from each view and joint (first) to each view and joint
            (last).
        skeleton: the skeleton whose joints 1, 2, ... these are.
    """
    names = skeleton.joints[1:]
    matrices = [layer.sum(2).mean(0) for layer in layers]
    figure = page(1.0 + 6.0 / len(layers))
    axes = figure.subplots(1, len(layers), squeeze=False, sharey=True)[0]
    top = max(float(matrix.max()) for matrix in matrices)
    image = None
    for number, (axis, matrix) in enumerate(zip(axes, matrices, strict=True)):
        image = axis.imshow(matrix, cmap=_SHADES, vmin=0, vmax=top)
        axis.set_title(f"layer {number + 1}", fontsize=TEXT)
        axis.set_xticks(range(len(names)), names, rotation=90, fontsize=SMALL)
        axis.set_yticks(range(len(names)), names, fontsize=SMALL)
        for child, parent in skeleton.limbs:
            if parent:
                axis.plot(parent - 1, child - 1, "o", markersize=5, markerfacecolor="none", markeredgecolor=VERMILION)
        axis.set_xlabel("attended joint", fontsize=TEXT)
    axes[0].set_ylabel("attending joint", fontsize=TEXT)
    assert image is not None
    bar = figure.colorbar(image, ax=axes, shrink=0.7, pad=0.01)
    bar.set_label("share of attention", fontsize=TEXT)
    bar.ax.tick_params(labelsize=SMALL)
    return figure
