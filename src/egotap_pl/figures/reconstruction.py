"""Pictures of rebuilt heatmaps below what they were rebuilt from (paper Figure 3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8
from matplotlib.figure import Figure

from egotap_pl.figures.style import PAGE_IN, SMALL, TEXT, bare, page, picture

_VIEWS = ("left", "right")


@dataclass(frozen=True)
class RebuiltFrame:
    """A frame to be drawn.

    Fields:
        title: what stands above it.
        images: both views.
        maps: joint heatmaps of both views by name, in the order of the rows: first what was to be rebuilt.
    """

    title: str
    images: UInt8[np.ndarray, "v 3 h w"]
    maps: Mapping[str, Float[np.ndarray, "v j h2 w2"]]

    def mse(self, name: str, view: int) -> float:
        """Mean squared error of rebuilt maps, per pixel."""
        given = next(iter(self.maps.values()))
        return float(((self.maps[name][view] - given[view]) ** 2).mean())


def reconstruction_figure(frames: Sequence[RebuiltFrame]) -> Figure:
    """Two columns per frame, one for each view; the image and, for each name, all joints' maps laid over each other.

    What is shown is the largest value of all joints at every pixel.

    Raises:
        ValueError: if there is no frame, or frames do not have the same names of maps.
    """
    if not frames or any(list(frame.maps) != list(frames[0].maps) for frame in frames):
        raise ValueError("frames must be there and have maps of the same names")
    rows, columns = ["image", *frames[0].maps], len(_VIEWS) * len(frames)
    figure = page(0.4 + len(rows) * (PAGE_IN - 0.9) / columns * 1.12)
    axes = figure.subplots(len(rows), columns, squeeze=False)
    shown = None
    for column in range(columns):
        frame, view = frames[column // len(_VIEWS)], column % len(_VIEWS)
        heading = f"{frame.title}\n{_VIEWS[view]} view"
        picture(axes[0, column], np.moveaxis(frame.images[view], 0, -1))
        axes[0, column].set_title(heading, fontsize=SMALL)
        for number, (axis, (name, maps)) in enumerate(zip(axes[1:, column], frame.maps.items(), strict=True)):
            shown = axis.imshow(maps[view].max(0), vmin=0, vmax=1, cmap="magma", interpolation="nearest")
            if number:
                axis.set_xlabel(f"MSE {frame.mse(name, view):.1e}", fontsize=SMALL, labelpad=1)
            bare(axis)
    for axis, name in zip(axes[:, 0], rows, strict=True):
        axis.set_ylabel(name, fontsize=TEXT)
    assert shown is not None
    bar = figure.colorbar(shown, ax=axes[1:], shrink=0.5, aspect=30, pad=0.01)
    bar.ax.tick_params(labelsize=SMALL)
    return figure
