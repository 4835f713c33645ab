"""Pictures of rebuilt heatmaps beside what they were rebuilt from (paper Figure 3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8
from matplotlib.figure import Figure


@dataclass(frozen=True)
class RebuiltFrame:
    """A frame to be drawn.

    Fields:
        title: what stands beside it.
        images: both views.
        maps: joint heatmaps of both views by name, in the order of the columns: first what was to be rebuilt.
    """

    title: str
    images: UInt8[np.ndarray, "v 3 h w"]
    maps: dict[str, Float[np.ndarray, "v j h2 w2"]]


def reconstruction_figure(frames: Sequence[RebuiltFrame], views: Sequence[str] = ("left", "right")) -> Figure:
    """A row per frame; per view the image and, for each name, the largest value of all joints' maps at every pixel.

    Raises:
        ValueError: if there is no frame, or frames do not have the same names of maps.
    """
    if not frames or any(list(frame.maps) != list(frames[0].maps) for frame in frames):
        raise ValueError("frames must be there and have maps of the same names")
    columns = [f"{what} ({view})" for view in views for what in ("image", *frames[0].maps)]
    figure = Figure(figsize=(2.2 * len(columns), 2.4 * len(frames)), layout="constrained")
    axes = figure.subplots(len(frames), len(columns), squeeze=False)
    shown = None
    for row, frame in zip(axes, frames, strict=True):
        of_view = np.split(row, len(views))
        for view, cells in enumerate(of_view):
            cells[0].imshow(np.moveaxis(frame.images[view], 0, -1), interpolation="nearest")
            for cell, maps in zip(cells[1:], frame.maps.values(), strict=True):
                shown = cell.imshow(maps[view].max(0), vmin=0, vmax=1, cmap="magma", interpolation="nearest")
        row[0].set_ylabel(frame.title, fontsize=9)
    for axis, title in zip(axes[0], columns, strict=True):
        axis.set_title(title, fontsize=9)
    for axis in axes.flat:
        axis.set_xticks([])
        axis.set_yticks([])
    if shown is not None:
        figure.colorbar(shown, ax=axes[:, -1], shrink=0.8)
    return figure
