"""What propagation along the skeleton gains, against what it could gain (paper 4.3.2)."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy import stats

from egotap_pl.analysis.statistics import slope_interval
from egotap_pl.core.skeleton import Skeleton


class PropagationSamples(NamedTuple):
    """A sample for each frame (n) and limb (l); NaN where an end of the limb is not known."""

    potential_mm: Float[np.ndarray, "n l"]
    """Propagation Potential (PP): the child's error minus its parent's, both without propagation."""
    effect_mm: Float[np.ndarray, "n l"]
    """Propagation Effect (PE): the child's error without propagation minus its error with propagation."""

    @property
    def known(self) -> Bool[np.ndarray, "n l"]:
        """The samples of limbs both of whose ends are known."""
        return ~(np.isnan(self.potential_mm) | np.isnan(self.effect_mm))


class PropagationSummary(NamedTuple):
    """The numbers of the paper's Figure 7 and of the text around it."""

    samples: int
    """Number of samples."""
    slope: float
    """Slope of the least-squares line of PE on PP."""
    slope_low: float
    """Lower end of the slope's 95% interval over motions; NaN for a single motion."""
    slope_high: float
    """Upper end of the same interval."""
    intercept_mm: float
    """PE of the line at a PP of zero."""
    r: float
    """Correlation of PP and PE."""
    p_value: float
    """Of a slope of zero, if samples were independent, which the paper assumes; 0 below double precision."""
    potential_mm: float
    """Mean PP."""
    effect_mm: float
    """Mean PE."""
    positive_potential: float
    """Share of the samples with a positive PP."""
    positive_effect: float
    """Share of the samples with a positive PE."""
    first_quadrant: float
    """Share of the samples with both positive."""
    gain_mm: float
    """Mean of the positive PEs; NaN if there are none."""
    loss_mm: float
    """Mean of the negative PEs; NaN if there are none."""


def propagation_samples(
    without_mm: Float[np.ndarray, "n j"], with_mm: Float[np.ndarray, "n j"], skeleton: Skeleton
) -> PropagationSamples:
    """PP and PE of every limb between two estimated joints (paper 4.3.2, equations of PP and PE).

    Args:
        without_mm: errors of the estimated joints, in mm, by a model without propagation.
        with_mm: errors of the same joints and frames by a model with propagation.
        skeleton: the skeleton of these joints. Its limbs count, whatever the order of propagation. Without limbs
            between estimated joints, there are no samples.

    Examples:
        >>> arm = Skeleton("arm", ("shoulder", "elbow", "wrist"), (0, 0, 1), estimates_root=True)
        >>> samples = propagation_samples(np.array([[10.0, 25.0, 60.0]]), np.array([[9.0, 15.0, 70.0]]), arm)
        >>> samples.potential_mm, samples.effect_mm
        (array([[15., 35.]]), array([[ 10., -10.]]))
    """
    child, parent = np.array(skeleton.estimated_limbs, int).reshape(-1, 2).T
    return PropagationSamples(without_mm[:, child] - without_mm[:, parent], without_mm[:, child] - with_mm[:, child])


def summarise(samples: PropagationSamples, cluster: Int[np.ndarray, "n"]) -> PropagationSummary:
    """The numbers of the paper's Figure 7.

    Args:
        samples: PP and PE of n frames; those that are NaN do not count.
        cluster: number of each frame's motion (`egotap_pl.analysis.statistics.numbered`).
    """
    x, y = (values[samples.known].astype(np.float64) for values in samples)
    line = stats.linregress(x, y)
    low, high = slope_interval(x, y, np.repeat(cluster, samples.effect_mm.shape[1])[samples.known.ravel()])
    return PropagationSummary(
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


def describe(summary: PropagationSummary) -> str:
    """The numbers in words, on one line."""
    s = summary
    ends = f"95% interval {s.slope_low:.3f} to {s.slope_high:.3f}"
    if math.isnan(s.slope_low):
        ends = "no interval"
    return (
        f"slope {s.slope:.3f} ({ends}; {_p(s.p_value)} if samples were independent), "
        f"mean PP {s.potential_mm:.2f} mm, mean PE {s.effect_mm:.2f} mm, positive PP {s.positive_potential:.2%}, "
        f"positive PE {s.positive_effect:.2%}, first quadrant {s.first_quadrant:.2%}, mean positive PE "
        f"{s.gain_mm:.2f} mm, mean negative PE {s.loss_mm:.2f} mm, {s.samples} samples"
    )


def _p(p_value: float) -> str:
    """A p-value with two digits or, where it is small, the next power of ten above it."""
    if p_value >= 1e-3:
        return f"p = {p_value:.2g}"
    exponent = math.floor(math.log10(p_value)) + 1 if p_value > 1e-300 else -300
    return f"p < 1e{exponent}"
