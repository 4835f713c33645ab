"""What Grid ViT's tokens attend to (paper 3.2)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import product
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor, nn

from egotap_pl.core.skeleton import Skeleton
from egotap_pl.figures.style import BLACK, SMALL, TEXT, VERMILION, bare, page
from egotap_pl.nn.blocks import TransformerBlock

_SHADES = "YlGnBu"
_FAINT = 0.1  # a map whose peak is lower shows no joint


class Tokens(NamedTuple):
    """How a Grid ViT's tokens are ordered: view, joint, patch row, patch column; others may follow.

    Fields:
        views: number of views.
        joints: number of joints with a heatmap.
        side: patches along a side of a map.
    """

    views: int
    joints: int
    side: int

    @property
    def shape(self) -> tuple[int, ...]:
        """Of an array with an entry per token."""
        return self.views, self.joints, self.side, self.side

    @property
    def number(self) -> int:
        """Of tokens that belong to maps."""
        return int(np.prod(self.shape))


class Shares(NamedTuple):
    """Where the attention of a joint's tokens goes, mean over joints; the rest goes to other joints.

    Fields:
        itself: to the joint's own map in the same view.
        other_view: to its map in the other view.
        parent: to the parent's maps in all views.
        children: to the children's maps in all views.
    """

    itself: float
    other_view: float
    parent: float
    children: float


@contextmanager
def recorded_attention(transformer: nn.Module) -> Iterator[list[Float[Tensor, "b n t t"]]]:
    """The attention weights of every block during the last forward pass inside, first block first.

    They are computed again of the queries and keys that the block makes, in float32; the network's own way is not
    touched. Rows (the attention that a token pays) sum to 1, n counts heads.
    """
    blocks = [block for block in transformer.modules() if isinstance(block, TransformerBlock)]
    weights: list[Any] = [None] * len(blocks)

    def hook(number: int, heads: int) -> Any:
        def record(_: nn.Module, __: Any, qkv: Tensor) -> None:
            query, key, _value = qkv.detach().float().unflatten(-1, (3, heads, -1)).permute(2, 0, 3, 1, 4).unbind(0)
            weights[number] = (query @ key.transpose(-1, -2) / query.shape[-1] ** 0.5).softmax(-1)

        return record

    handles = [block.qkv.register_forward_hook(hook(k, block.heads)) for k, block in enumerate(blocks)]
    try:
        yield weights
    finally:
        for handle in handles:
            handle.remove()


def joint_attention(weights: Float[Tensor, "b n t t"], tokens: Tokens, joint: int) -> Float[np.ndarray, "b v j r c"]:
    """The attention that a joint's tokens of all views pay to every patch, mean over heads and these tokens.

    Args:
        weights: of one block.
        tokens: their order.
        joint: heatmap channel.
    """
    paid = weights.mean(1)[:, : tokens.number, : tokens.number].unflatten(1, tokens.shape)
    mean = paid[:, :, joint].mean((1, 2, 3))
    return mean.unflatten(1, tokens.shape).numpy()


def attention_between(weights: Float[Tensor, "b n t t"], tokens: Tokens) -> Float[np.ndarray, "v j v j"]:
    """The attention that a map's tokens pay to all patches of another map: mean over frames, heads and tokens."""
    paid = weights.mean((0, 1))[: tokens.number, : tokens.number]
    by_token = paid.unflatten(1, tokens.shape).sum((-1, -2))
    return by_token.unflatten(0, tokens.shape).mean((2, 3)).numpy()


def shares(between: Float[np.ndarray, "v j v j"], skeleton: Skeleton) -> Shares:
    """Where attention goes.

    Args:
        between: see `attention_between`.
        skeleton: whose joints 1, 2, ... the maps show.
    """
    same = np.einsum("vjvj->vj", between)
    own = np.einsum("vjwj->vj", between)
    to_joint = between.sum(2).mean(0)  # paying joint, paid joint
    related = np.zeros((2, len(to_joint)))
    for child, parent in skeleton.limbs:
        if parent:
            related[0, child - 1] += to_joint[child - 1, parent - 1]
            related[1, parent - 1] += to_joint[parent - 1, child - 1]
    return Shares(float(same.mean()), float((own - same).mean()), *(float(mean) for mean in related.mean(1)))


class AttendingFrame(NamedTuple):
    """A frame to be drawn.

    Fields:
        title: what stands beside it.
        heatmaps: of both views.
        layers: `joint_attention` of every block.
    """

    title: str
    heatmaps: Float[np.ndarray, "v j h w"]
    layers: Sequence[Float[np.ndarray, "v j r c"]]


def attention_figure(frames: Sequence[AttendingFrame], skeleton: Skeleton, joint: int) -> Figure:
    """A row per frame, block and view, a column per joint: the patches of its map, and the joint's outline in it.

    Colours tell the attention in multiples of what every patch would get if all got the same.

    Args:
        frames: to be drawn.
        skeleton: whose joints the maps show.
        joint: heatmap channel of the joint that pays the attention.
    """
    names, side = skeleton.joints[1:], frames[0].heatmaps.shape[-1]
    views, blocks = len(frames[0].heatmaps), len(frames[0].layers)
    rows = list(product(frames, range(blocks), range(views)))
    most = float(np.percentile(np.concatenate([layer.ravel() for f in frames for layer in f.layers]), 99.5))
    figure = page(0.9 + 0.43 * len(rows))
    axes = figure.subplots(len(rows), 1, squeeze=False)[:, 0]
    shown = None
    for axis, (frame, block, view) in zip(axes, rows, strict=True):
        patches = frame.layers[block][view]
        scale = side // patches.shape[-1]
        strip = _strip(patches.repeat(scale, 1).repeat(scale, 2))
        tokens = frame.layers[block].size
        shown = axis.imshow(strip * tokens, cmap=_SHADES, vmin=0, vmax=most * tokens, interpolation="nearest")
        peaks = frame.heatmaps[view].max((1, 2), keepdims=True)
        outlines = _strip(np.where(peaks > _FAINT, frame.heatmaps[view] / np.maximum(peaks, _FAINT), 0))
        if np.nanmax(outlines) > 0:
            axis.contour(outlines, [0.5], colors=VERMILION, linewidths=1.2)
        corner = (joint * (side + _gap(side)) - 0.5, -0.5)
        axis.add_patch(Rectangle(corner, side, side, fill=False, edgecolor=BLACK, linewidth=1.6, clip_on=False))
        heading = f"{frame.title}\n" if (block, view) == (0, 0) else ""
        label = f"{heading}layer {block + 1}, {('left', 'right')[view]}"
        axis.set_ylabel(label, fontsize=SMALL, rotation=0, ha="right", va="center")
        bare(axis)
        axis.spines[:].set_visible(False)
    for channel, name in enumerate(names):
        place = (channel * (side + _gap(side)) + side / 3, -0.15 * side)
        axes[0].text(*place, name, fontsize=SMALL, rotation=45, ha="left", va="bottom")
    assert shown is not None
    bar = figure.colorbar(shown, ax=axes, shrink=0.6, aspect=30, pad=0.01)
    bar.set_label("attention, 1 = even", fontsize=TEXT)
    bar.ax.tick_params(labelsize=SMALL)
    return figure


def _gap(side: int) -> int:
    return max(side // 8, 1)


def _strip(maps: Float[np.ndarray, "j h w"]) -> Float[np.ndarray, "h x"]:
    """Maps beside each other, with gaps of NaN between them."""
    padded = np.pad(maps.astype(np.float64), ((0, 0), (0, 0), (0, _gap(maps.shape[-1]))), constant_values=np.nan)
    return np.concatenate(list(padded), -1)[:, : -_gap(maps.shape[-1])]


def between_figure(layers: Sequence[Float[np.ndarray, "v j v j"]], skeleton: Skeleton) -> Figure:
    """A matrix per block: the share of a joint's attention (row) that goes to another joint (column), over all views.

    Circles mark the parents in the skeleton.
    """
    names = skeleton.joints[1:]
    matrices = [layer.sum(2).mean(0) for layer in layers]
    figure = page(1.0 + 6.0 / len(layers))
    axes = figure.subplots(1, len(layers), squeeze=False, sharey=True)[0]
    most = max(float(matrix.max()) for matrix in matrices)
    shown = None
    for number, (axis, matrix) in enumerate(zip(axes, matrices, strict=True)):
        shown = axis.imshow(matrix, cmap=_SHADES, vmin=0, vmax=most)
        axis.set_title(f"layer {number + 1}", fontsize=TEXT)
        axis.set_xticks(range(len(names)), names, rotation=90, fontsize=SMALL)
        axis.set_yticks(range(len(names)), names, fontsize=SMALL)
        for child, parent in skeleton.limbs:
            if parent:
                axis.plot(parent - 1, child - 1, "o", markersize=5, markerfacecolor="none", markeredgecolor=VERMILION)
        axis.set_xlabel("attended joint", fontsize=TEXT)
    axes[0].set_ylabel("attending joint", fontsize=TEXT)
    assert shown is not None
    bar = figure.colorbar(shown, ax=axes, shrink=0.7, pad=0.01)
    bar.set_label("share of attention", fontsize=TEXT)
    bar.ax.tick_params(labelsize=SMALL)
    return figure
