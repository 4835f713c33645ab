"""Errors of poses (mm) and heatmaps: pure functions, and torchmetrics classes that accumulate them over a data set."""

from egotap_pl.metrics.heatmap import HeatmapMSE
from egotap_pl.metrics.pose import (
    PoseMetrics,
    align_similarity,
    is_alignable,
    joint_errors_mm,
    mpjpe_mm,
    pa_mpjpe_mm,
)

__all__ = [
    "HeatmapMSE",
    "PoseMetrics",
    "align_similarity",
    "is_alignable",
    "joint_errors_mm",
    "mpjpe_mm",
    "pa_mpjpe_mm",
]
