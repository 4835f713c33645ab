"""Differences between variants on the same test frames."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int

from egotap_pl.analysis.predictions import Predictions
from egotap_pl.analysis.runs import Run
from egotap_pl.analysis.statistics import (
    Interval,
    both_interval,
    clustered,
    motions_interval,
    seeds_interval,
)
from egotap_pl.core.errors import EgotapError
from egotap_pl.metrics import align_similarity, mpjpe_mm


@dataclass(frozen=True, eq=False)
class FrameErrors:
    """A run's errors, frame by frame.

    Fields:
        mpjpe_mm: mean over joints.
        pa_mpjpe_mm: likewise, after the similarity alignment of each frame.
        row: of the frame store.
        motion: name per frame.
        data: fingerprint and split of the frame store.
    """

    mpjpe_mm: Float[np.ndarray, "n"]
    pa_mpjpe_mm: Float[np.ndarray, "n"]
    row: Int[np.ndarray, "n"]
    motion: tuple[str, ...]
    data: tuple[str, str]


Measure = Callable[[FrameErrors], np.ndarray]


class Term(NamedTuple):
    """What a variant contributes to a contrast: ``weight`` times its error.

    Fields:
        weight: -1 for what is compared with, 1 for what is compared.
        runs: one per seed.
    """

    weight: float
    runs: Sequence[Run]


class Contrast(NamedTuple):
    """A weighted sum of variants' errors, in mm, with what it may be elsewhere.

    Fields:
        motions: mean, and its interval over motions (the same networks on other motions).
        seeds: the same mean, and its interval over seeds (other networks on the same motions); NaN if the variants have
            fewer than two seeds in common.
        both: the same mean, and its interval over both.
        common_seeds: the seeds that all variants have, over which errors were averaged; empty if there are none in
            common, and then each variant's own are averaged.
    """

    motions: Interval
    seeds: Interval
    both: Interval
    common_seeds: tuple[int, ...]


class ErrorReader:
    """Reads runs' errors per frame, each once."""

    def __init__(self) -> None:
        self._read: dict[str, FrameErrors] = {}

    def __call__(self, run: Run) -> FrameErrors:
        """Errors of a run.

        Raises:
            EgotapError: if its predictions are not there, damaged, or not those of its metrics.
        """
        key = str(run.folder)
        if key not in self._read:
            self._read[key] = frame_errors(run.predictions)
            mean, told = self._read[key].mpjpe_mm.mean(), run.metrics["mpjpe"]
            if not np.isclose(mean, told, rtol=1e-3):
                raise EgotapError(
                    f"{run.folder}: predictions.h5 has an MPJPE of {mean:.2f} mm, metrics.json says {told:.2f} mm: "
                    "they are of different tests"
                )
        return self._read[key]


def frame_errors(predictions: Predictions) -> FrameErrors:
    """Errors of predictions, frame by frame."""
    pose, truth = torch.from_numpy(predictions.pose_cm), torch.from_numpy(predictions.truth_cm)
    return FrameErrors(
        mpjpe_mm=mpjpe_mm(pose, truth).numpy(),
        pa_mpjpe_mm=mpjpe_mm(align_similarity(pose, truth), truth).numpy(),
        row=predictions.row,
        motion=predictions.motion,
        data=(predictions.dataset_fingerprint, predictions.split),
    )


def contrast(terms: Sequence[Term], measure: Measure, read: Callable[[Run], FrameErrors]) -> Contrast:
    """The weighted sum of variants' errors, paired by frame and by seed.

    Args:
        terms: variants and their weights, e.g. 1 and -1 for a difference.
        measure: which error.
        read: gives a run's errors.

    Raises:
        EgotapError: if the variants were not tested on the same frames.
    """
    common = sorted(set.intersection(*({run.seed for run in term.runs} for term in terms)))
    first = read(terms[0].runs[0])
    total = np.zeros((max(len(common), 1), len(first.row)))
    for weight, runs in terms:
        chosen = sorted((run for run in runs if run.seed in common or not common), key=lambda run: run.seed)
        errors = np.stack([measure(_same_frames(read(run), first, run)) for run in chosen])
        total += weight * (errors if common else errors.mean(0, keepdims=True))
    motions = motions_interval(clustered(total, first.motion))
    seeds = seeds_interval(total.mean(1).tolist())
    return Contrast(motions, seeds, both_interval(motions, seeds), tuple(common))


def _same_frames(errors: FrameErrors, first: FrameErrors, run: Run) -> FrameErrors:
    same = errors.data == first.data and np.array_equal(errors.row, first.row) and errors.motion == first.motion
    if not same:
        raise EgotapError(f"{run.folder} was tested on other frames than what it is compared with")
    return errors
