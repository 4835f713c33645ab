"""Figure of heatmaps rebuilt from an encoder's features, below the heatmaps that it was given (paper Figure 3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8
from matplotlib.figure import Figure

from egotap_pl.figures.style import PAGE_IN, SMALL, TEXT, hide_ticks, page, show_image

_VIEWS = ("left", "right")


@dataclass(frozen=True)
class RebuiltFrame:
    """A frame in `reconstruction_figure`."""

    title: str
    """Heading of the frame's columns."""
    images: UInt8[np.ndarray, "v 3 h w"]
    """RGB images of both views."""
    heatmaps: Mapping[str, Float[np.ndarray, "v j h2 w2"]]
    """Joint heatmaps of both views by name, one row each: first the original ones, then those rebuilt from them."""

    def mse(self, name: str, view: int) -> float:
        """Mean squared error, per pixel, of the rebuilt heatmaps of a name in a view (0 left, 1 right)."""
        original = next(iter(self.heatmaps.values()))
        return float(((self.heatmaps[name][view] - original[view]) ** 2).mean())


def reconstruction_figure(frames: Sequence[RebuiltFrame]) -> Figure:
    """Two columns per frame, one for each view: the image and, for each name, the heatmaps of all joints in one.

    A pixel shows the largest value of all joints. Below rebuilt heatmaps stands their mean squared error.

    Args:
        frames: frames with the same names of heatmaps.

    Raises:
        ValueError: if there are no frames, or their names of heatmaps differ.
    """
    names = _names(frames)
    rows, columns = ["image", *names], len(_VIEWS) * len(frames)
    figure = page(0.4 + len(rows) * (PAGE_IN - 0.9) / columns * 1.12)
    axes = figure.subplots(len(rows), columns, squeeze=False)
    image = None
    for column in range(columns):
        frame, view = frames[column // len(_VIEWS)], column % len(_VIEWS)
        heading = f"{frame.title}\n{_VIEWS[view]} view"
        show_image(axes[0, column], np.moveaxis(frame.images[view], 0, -1), heading, size=SMALL)
        for number, (axis, (name, heatmaps)) in enumerate(zip(axes[1:, column], frame.heatmaps.items(), strict=True)):
            image = axis.imshow(heatmaps[view].max(0), vmin=0, vmax=1, cmap="magma", interpolation="nearest")
            if number:
                axis.set_xlabel(f"MSE {frame.mse(name, view):.1e}", fontsize=SMALL, labelpad=1)
            hide_ticks(axis)
    for axis, name in zip(axes[:, 0], rows, strict=True):
        axis.set_ylabel(name, fontsize=TEXT)
    assert image is not None
    bar = figure.colorbar(image, ax=axes[1:], shrink=0.5, aspect=30, pad=0.01)
    bar.ax.tick_params(labelsize=SMALL)
    return figure


def _names(frames: Sequence[RebuiltFrame]) -> list[str]:
    if not frames:
        raise ValueError("no frames to draw")
    names = list(frames[0].heatmaps)
    for frame in frames:
        if list(frame.heatmaps) != names:
            raise ValueError(f"all frames must have heatmaps of the same names: {names}, but also {[*frame.heatmaps]}")
    return names
