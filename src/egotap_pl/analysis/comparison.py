"""Differences between variants on the same test frames."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int

from egotap_pl.analysis.predictions import REMEDY, Predictions
from egotap_pl.analysis.runs import Run
from egotap_pl.analysis.statistics import (
    Interval,
    both_interval,
    clustered,
    motions_interval,
    seeds_interval,
)
from egotap_pl.core.errors import EgotapError
from egotap_pl.metrics import mpjpe_mm, pa_mpjpe_mm


@dataclass(frozen=True, eq=False)
class FrameErrors:
    """A run's errors of n frames."""

    mpjpe_mm: Float[np.ndarray, "n"]
    """Mean error over the known joints of each frame; NaN if it has none."""
    pa_mpjpe_mm: Float[np.ndarray, "n"]
    """The same after each pose is aligned to its true pose by a similarity; NaN where too few joints are known."""
    row: Int[np.ndarray, "n"]
    """Each frame's row of the frame store."""
    motion: tuple[str, ...]
    """Name of each frame's motion."""
    data: tuple[str, str]
    """Fingerprint and split of the frame store."""


Measure = Callable[[FrameErrors], np.ndarray]
"""Selects the errors to compare: ``lambda errors: errors.mpjpe_mm``."""


class Term(NamedTuple):
    """A variant's part of a contrast: its error times a weight."""

    weight: float
    """1 for the variant that is compared, -1 for the variant that it is compared with."""
    runs: Sequence[Run]
    """The variant's runs, one per seed."""


class Contrast(NamedTuple):
    """A weighted sum of variants' errors in mm, with three intervals, each about something else."""

    motions: Interval
    """Mean with its interval over motions: the same networks on other motions."""
    seeds: Interval
    """The same mean with its interval over seeds: other networks on the same motions. Its ends are NaN if the variants
    have fewer than two seeds in common."""
    both: Interval
    """The same mean with its interval over both."""
    common_seeds: tuple[int, ...]
    """The seeds that all variants have, over which errors are averaged. If there are none, each variant's errors are
    averaged over its own seeds."""


class ErrorReader:
    """Reads the errors of runs, each run once."""

    def __init__(self) -> None:
        self._read: dict[str, FrameErrors] = {}

    def __call__(self, run: Run) -> FrameErrors:
        """The errors of a run.

        Raises:
            EgotapError: if its predictions are missing, damaged, or do not agree with its metrics.
        """
        key = str(run.folder)
        if key not in self._read:
            self._read[key] = frame_errors(run.predictions)
            mpjpe_mm = self._read[key].mpjpe_mm
            mean, reported = mpjpe_mm[~np.isnan(mpjpe_mm)].mean(), run.metrics["mpjpe"]
            if not np.isclose(mean, reported, rtol=1e-3):
                raise EgotapError(
                    f"{run.folder}: the MPJPE is {mean:.2f} mm in predictions.h5 but {reported:.2f} mm in "
                    f"metrics.json: they are of different tests; {REMEDY}"
                )
        return self._read[key]


def frame_errors(predictions: Predictions) -> FrameErrors:
    """The errors of predictions, frame by frame."""
    pose, truth = torch.from_numpy(predictions.pose_cm), torch.from_numpy(predictions.truth_cm)
    return FrameErrors(
        mpjpe_mm=mpjpe_mm(pose, truth).numpy(),
        pa_mpjpe_mm=pa_mpjpe_mm(pose, truth).numpy(),
        row=predictions.row,
        motion=predictions.motion,
        data=(predictions.dataset_fingerprint, predictions.split),
    )


def over_common_seeds(*each: Sequence[Run]) -> tuple[tuple[int, ...], list[list[Run]]]:
    """The seeds that all variants have, and the runs of each variant over these; over all of its own if there are none.

    Args:
        *each: the runs of every variant.
    """
    common = sorted(set.intersection(*({run.seed for run in runs} for runs in each)))
    return tuple(common), [[run for run in runs if run.seed in common or not common] for runs in each]


def contrast(terms: Sequence[Term], measure: Measure, read: Callable[[Run], FrameErrors]) -> Contrast:
    """The weighted sum of variants' errors, paired by frame and by seed. Frames with an error of NaN do not count.

    Args:
        terms: variants with their weights; for a difference, 1 and -1.
        measure: selects the errors to compare.
        read: gives the errors of a run (`ErrorReader`).

    Raises:
        EgotapError: if the variants were not tested on the same frames, or no frame has such an error.

    Examples:
        >>> from pathlib import Path
        >>> vit, cnn = (Run(Path(name), {"seed": 1}, {}) for name in ("vit", "cnn"))
        >>> def errors(*mm: float) -> FrameErrors:
        ...     return FrameErrors(np.array(mm), np.array(mm), np.arange(3), ("a", "b", "c"), ("fingerprint", "test"))
        >>> of_runs = {vit: errors(50.0, 61.0, 72.0), cnn: errors(60.0, 70.0, 80.0)}
        >>> difference = contrast([Term(1, [vit]), Term(-1, [cnn])], lambda e: e.mpjpe_mm, of_runs.__getitem__)
        >>> difference.motions.mean, difference.common_seeds
        (-9.0, (1,))
    """
    common, runs_of_terms = over_common_seeds(*(term.runs for term in terms))
    reference = terms[0].runs[0]
    first = read(reference)
    total = np.zeros((max(len(common), 1), len(first.row)))
    for (weight, _), runs in zip(terms, runs_of_terms, strict=True):
        chosen = sorted(runs, key=lambda run: run.seed)
        of_runs = [read(run) for run in chosen]
        for run, of_run in zip(chosen, of_runs, strict=True):
            _check_same_frames(run, of_run, reference, first)
        errors = np.stack([measure(of_run) for of_run in of_runs])
        total += weight * (errors if common else errors.mean(0, keepdims=True))
    known = np.flatnonzero(~np.isnan(total).any(0))
    if not len(known):
        raise EgotapError(f"{reference.folder}: too few joints are known in every frame to compare errors")
    motions = motions_interval(clustered(total[:, known], [first.motion[k] for k in known]))
    seeds = seeds_interval(total[:, known].mean(1).tolist())
    return Contrast(motions, seeds, both_interval(motions, seeds), common)


def _check_same_frames(run: Run, errors: FrameErrors, reference: Run, first: FrameErrors) -> None:
    same = errors.data == first.data and np.array_equal(errors.row, first.row) and errors.motion == first.motion
    if not same:
        raise EgotapError(
            f"{run.folder} was tested on other frames than {reference.folder}: compare runs of the same data and split"
        )
