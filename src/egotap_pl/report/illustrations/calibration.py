"""Promised against found errors, of networks that estimate their own errors."""

from __future__ import annotations

import numpy as np
import torch

from egotap_pl.figures.calibration import calibration_figure
from egotap_pl.metrics import Calibration, calibration
from egotap_pl.metrics.pose import MM_PER_CM
from egotap_pl.report.contents import Illustration
from egotap_pl.report.illustrations import words
from egotap_pl.report.studies import MethodRuns, Study

TITLE = "Promised and found errors ({study})"
CAPTION = (
    "Mean found error of joints over the mean error that the network expected of them, in ten groups of equally many "
    "joints, from the smallest expected error to the largest, of the lowest seed. On the diagonal, a network's errors "
    "are as large as it expects. Mean distance from the diagonal: {distances}."
)
ALT = "Curves: the found error of {methods} over the error that each expected."


def calibration_illustration(study: Study) -> Illustration | None:
    """The calibration of a study's methods; None if none of them estimates its own errors."""
    results = {method.name: result for method in study.methods if (result := _calibration(method)) is not None}
    if not results:
        return None
    methods = [method for method in study.methods if method.name in results]
    return Illustration(
        name=f"calibration_{study.stem}",
        title=TITLE.format(study=study.title),
        caption=CAPTION.format(distances="; ".join(f"{name} {each.error_mm:.1f} mm" for name, each in results.items())),
        alt=ALT.format(methods=words.names(methods)),
        figure=calibration_figure(results),
    )


def _calibration(method: MethodRuns) -> Calibration | None:
    predictions = method.first.predictions
    if predictions.expected_error_cm is None or not np.isfinite(predictions.error_mm).any():
        return None
    promised_mm = MM_PER_CM * torch.from_numpy(predictions.expected_error_cm)
    return calibration(promised_mm, torch.from_numpy(predictions.error_mm))
