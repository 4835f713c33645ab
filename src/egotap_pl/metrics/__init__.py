"""Errors of poses (mm) and heatmaps: pure functions, and torchmetrics classes that accumulate them over a data set."""

from egotap_pl.metrics.calibration import Calibration, calibration
from egotap_pl.metrics.heatmap import HeatmapMSE
from egotap_pl.metrics.merging import merged
from egotap_pl.metrics.motion import MotionMetrics
from egotap_pl.metrics.origin import OriginError
from egotap_pl.metrics.pck import PckMetrics
from egotap_pl.metrics.pose import (
    PoseMetrics,
    align_similarity,
    is_alignable,
    joint_errors_mm,
    mpjpe_mm,
    pa_mpjpe_mm,
)
from egotap_pl.metrics.visibility import VisibilityErrors

__all__ = [
    "Calibration",
    "HeatmapMSE",
    "MotionMetrics",
    "OriginError",
    "PckMetrics",
    "PoseMetrics",
    "VisibilityErrors",
    "align_similarity",
    "calibration",
    "is_alignable",
    "joint_errors_mm",
    "merged",
    "mpjpe_mm",
    "pa_mpjpe_mm",
]
