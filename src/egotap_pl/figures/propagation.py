"""What propagation along the skeleton gains, against what it could gain (paper 4.3.2, Figure 7)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from scipy import stats

from egotap_pl.core.skeleton import Skeleton
from egotap_pl.figures.clusters import percentile_interval, redrawn
from egotap_pl.figures.style import BLACK, SMALL, VERMILION, page, plain

_SHADES = LinearSegmentedColormap.from_list("shades", colormaps["Blues"](np.linspace(0.25, 1, 256)))
SHOWN = (0.5, 99.5)  # percentiles: a few far samples would squeeze all others into a corner


class Samples(NamedTuple):
    """A sample per frame and limb.

    Fields:
        potential_mm: Propagation Potential: the child's error minus its parent's, both without propagation.
        effect_mm: Propagation Effect: the child's error without propagation minus that with it.
    """

    potential_mm: Float[np.ndarray, "n l"]
    effect_mm: Float[np.ndarray, "n l"]


class Summary(NamedTuple):
    """What Figure 7 and the text around it report.

    Fields:
        samples: their number.
        slope: of the least-squares line of the effect on the potential.
        slope_low, slope_high: ends of its 95% interval by bootstrap over clusters.
        intercept_mm: of that line.
        r: correlation.
        p_value: of a slope of zero if samples were independent, as the paper takes them; 0 where it is too small for
            double precision.
        potential_mm, effect_mm: means.
        positive_potential, positive_effect: shares of samples.
        first_quadrant: share of samples of which both are positive.
        gain_mm, loss_mm: mean of the positive and of the negative effects; NaN where there is none.
    """

    samples: int
    slope: float
    slope_low: float
    slope_high: float
    intercept_mm: float
    r: float
    p_value: float
    potential_mm: float
    effect_mm: float
    positive_potential: float
    positive_effect: float
    first_quadrant: float
    gain_mm: float
    loss_mm: float


class Panel(NamedTuple):
    """One plot: its title, its samples and their summary."""

    title: str
    samples: Samples
    summary: Summary


def propagation_samples(
    without_mm: Float[np.ndarray, "n j"], with_mm: Float[np.ndarray, "n j"], skeleton: Skeleton
) -> Samples:
    """Potential and effect of every limb whose two ends are estimated (paper 4.3.2, equations PP and PE).

    Args:
        without_mm: errors of the estimated joints by a model without propagation.
        with_mm: of a model with it, on the same frames.
        skeleton: its parents are the limbs' ends, whatever the order of propagation.
    """
    child, parent = np.array(skeleton.estimated_limbs).T
    return Samples(without_mm[:, child] - without_mm[:, parent], without_mm[:, child] - with_mm[:, child])


def summarise(samples: Samples, cluster: Int[np.ndarray, "n"]) -> Summary:
    """The numbers of Figure 7.

    Args:
        samples: of n frames.
        cluster: number of each frame's motion.
    """
    x, y = (values.astype(np.float64).ravel() for values in samples)
    line = stats.linregress(x, y)
    low, high = _slope_interval(x, y, np.repeat(cluster, samples.effect_mm.shape[1]))
    return Summary(
        samples=x.size,
        slope=float(line.slope),
        slope_low=low,
        slope_high=high,
        intercept_mm=float(line.intercept),
        r=float(line.rvalue),
        p_value=float(line.pvalue),
        potential_mm=float(x.mean()),
        effect_mm=float(y.mean()),
        positive_potential=float((x > 0).mean()),
        positive_effect=float((y > 0).mean()),
        first_quadrant=float(((x > 0) & (y > 0)).mean()),
        gain_mm=float(y[y > 0].mean()) if (y > 0).any() else float("nan"),
        loss_mm=float(y[y < 0].mean()) if (y < 0).any() else float("nan"),
    )


def _slope_interval(
    x: Float[np.ndarray, "m"], y: Float[np.ndarray, "m"], cluster: Int[np.ndarray, "m"]
) -> tuple[float, float]:
    """95% interval of the slope by bootstrap over clusters: the sums that a slope is made of are drawn again."""
    products = np.stack((np.ones_like(x), x, y, x * x, x * y), -1)
    sums = np.zeros((int(cluster.max()) + 1, 5))
    np.add.at(sums, cluster, products)
    n, sx, sy, sxx, sxy = redrawn(sums).T
    with np.errstate(invalid="ignore", divide="ignore"):
        slope = (n * sxy - sx * sy) / (n * sxx - sx * sx)
    low, high = percentile_interval(slope[:, None])
    return float(low[0]), float(high[0])


def describe(summary: Summary) -> str:
    """The numbers in words."""
    s = summary
    p = "p < 1e-300" if s.p_value < 1e-300 else f"p < {_above(s.p_value)}"
    return (
        f"slope {s.slope:.3f} (95% interval {s.slope_low:.3f} to {s.slope_high:.3f}; {p} if samples were independent), "
        f"mean PP {s.potential_mm:.2f} mm, mean PE {s.effect_mm:.2f} mm, positive PP {s.positive_potential:.2%}, "
        f"positive PE {s.positive_effect:.2%}, first quadrant {s.first_quadrant:.2%}, mean positive PE "
        f"{s.gain_mm:.2f} mm, mean negative PE {s.loss_mm:.2f} mm, {s.samples} samples"
    )


def _above(p_value: float) -> str:
    """The next power of ten above it, or two digits where it is not small."""
    return f"{p_value * 1.05:.2f}" if p_value > 1e-3 else f"1e{int(np.ceil(np.log10(p_value)))}"


def propagation_figure(panels: Sequence[Panel], columns: int = 3) -> Figure:
    """A density plot per panel, all with the same axes, with the regression line and, dashed, effect = potential."""
    columns = min(columns, len(panels))
    rows = -(-len(panels) // columns)
    figure = page(0.5 + (2.6 if columns == 3 else 3.6 if columns == 2 else 4.2) * rows)
    axes = list(figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).flat)
    limits = _limits(panels)
    hexagons = [_panel(axis, panel, limits) for axis, panel in zip(axes, panels, strict=False)]
    most = max(float(np.max(counts)) for h in hexagons if (counts := h.get_array()) is not None)
    for h in hexagons:
        h.set_clim(1, max(most, 2))
    for axis in axes[len(panels) :]:
        axis.remove()
    bar = figure.colorbar(hexagons[0], ax=axes[: len(panels)], shrink=0.7)
    bar.set_label("samples in a hexagon", fontsize=SMALL)
    bar.ax.tick_params(labelsize=SMALL)
    return figure


def _panel(axis: Axes, panel: Panel, limits: tuple[float, float, float, float]) -> PolyCollection:
    plain(axis, "Propagation Potential (mm)", "Propagation Effect (mm)", panel.title)
    samples, summary = panel.samples, panel.summary
    hexagons = axis.hexbin(
        samples.potential_mm.ravel(),
        samples.effect_mm.ravel(),
        gridsize=45,
        bins="log",
        mincnt=1,
        cmap=_SHADES,
        extent=limits,
        linewidths=0.1,
    )
    across = np.array(limits[:2])
    axis.axhline(0, color=BLACK, linewidth=0.6)
    axis.axvline(0, color=BLACK, linewidth=0.6)
    axis.axline((0, 0), slope=1, color=BLACK, linewidth=0.8, linestyle="--")
    axis.plot(across, summary.intercept_mm + summary.slope * across, color="white", linewidth=3.2)
    axis.plot(across, summary.intercept_mm + summary.slope * across, color=VERMILION, linewidth=1.8)
    axis.set_xlim(*limits[:2])
    axis.set_ylim(*limits[2:])
    text = f"slope {summary.slope:.2f} [{summary.slope_low:.2f}, {summary.slope_high:.2f}]\n"
    text += f"mean PP {summary.potential_mm:.1f}, PE {summary.effect_mm:.1f} mm"
    box = {"facecolor": "white", "edgecolor": "none", "pad": 1.5}
    axis.text(0.97, 0.03, text, transform=axis.transAxes, ha="right", fontsize=SMALL, bbox=box)
    return hexagons


def _limits(panels: Sequence[Panel]) -> tuple[float, float, float, float]:
    """Common limits: the middle 99% of all samples."""
    x = np.concatenate([panel.samples.potential_mm.ravel() for panel in panels])
    y = np.concatenate([panel.samples.effect_mm.ravel() for panel in panels])
    (left, right), (bottom, top) = np.percentile(x, SHOWN).tolist(), np.percentile(y, SHOWN).tolist()
    return min(left, -1.0), max(right, 1.0), min(bottom, -1.0), max(top, 1.0)
