"""Poses of several methods beside the truth (paper Figures 1 and 6)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, UInt8

from egotap_pl.analysis.runs import Run
from egotap_pl.analysis.typical_frames import extremes, median_frames
from egotap_pl.core.evenly import evenly
from egotap_pl.core.wording import in_words
from egotap_pl.figures.comparison import ComparedFrame, categories_figure, comparison_figure
from egotap_pl.report.contents import Illustration
from egotap_pl.report.illustrations import words
from egotap_pl.report.material import Material
from egotap_pl.report.studies import MethodRuns, Study

EXTREMES_METHODS, CATEGORIES_METHODS = 4, 3
"""The largest number of methods beside each other."""
EXTREMES_TITLE = "Poses beside the truth ({study})"
EXTREMES_CAPTION = (
    "The test frames with the largest, the median and the smallest error, mean over the drawn methods. Truth blue, "
    "estimates orange; in every field from the front (left) and from the side (right), in the left camera's axes, "
    "which look down along the body. MPJPE in mm. {errors}. Runs of seed {seeds}."
)
EXTREMES_ALT = (
    "Stereo images and stick figures of {methods} over the true pose, for the worst, the median and the best test "
    "frame."
)
CATEGORIES_TITLE = "A frame of every category ({study})"
CATEGORIES_CAPTION = (
    "Of each of the {categories} categories, the test frame with the median error, mean over the drawn methods. Truth "
    "blue, estimates orange, from the front and from the side. MPJPE in mm; mean over these frames: {means}. Runs of "
    "seed {seeds}."
)
CATEGORIES_ALT = (
    "Left image and stick figures of {methods} over the true pose, for one frame of every category of motion."
)


class _Compared(NamedTuple):
    """Methods that are drawn beside each other, each with one run."""

    runs: dict[str, Run]
    """By the method's name: of the lowest seed that all methods have or, without one, of its own lowest."""

    frame_error_mm: Float[np.ndarray, "n"]
    """Error of every test frame, mean over the runs."""

    @property
    def seeds(self) -> str:
        """Seeds of the runs, in words."""
        return in_words([str(seed) for seed in sorted({run.seed for run in self.runs.values()})])


def extremes_illustration(study: Study, material: Material) -> Illustration:
    """The worst, the median and the best frame of a study."""
    methods = spread(study.methods, EXTREMES_METHODS)
    compared, predictions = _compared(methods), methods[0].first.predictions
    chosen = extremes(compared.frame_error_mm)._asdict()
    titles = [f"{name}\n{predictions.category[k]}" for name, k in chosen.items()]
    frames = _frames(compared, list(chosen.values()), titles, material)
    errors = [
        f"{name}: {predictions.motion[k]}, frame {predictions.frame_number[k]} ({predictions.category[k]}), "
        + ", ".join(f"{method} {frame.error_mm(method):.1f} mm" for method in compared.runs)
        for (name, k), frame in zip(chosen.items(), frames, strict=True)
    ]
    return Illustration(
        name=f"comparison_{methods[0].first.dataset}",
        title=EXTREMES_TITLE.format(study=study.title),
        caption=EXTREMES_CAPTION.format(errors="; ".join(errors), seeds=compared.seeds),
        alt=EXTREMES_ALT.format(methods=words.names(methods)),
        figure=comparison_figure(frames, predictions.skeleton),
    )


def categories_illustration(study: Study, material: Material) -> Illustration:
    """The median frame of every category of motion."""
    methods = spread(study.methods, CATEGORIES_METHODS)
    compared, predictions = _compared(methods), methods[0].first.predictions
    chosen = median_frames(compared.frame_error_mm, predictions.category)
    titles = [name.replace(" - ", "\n") for name in chosen]
    frames = _frames(compared, list(chosen.values()), titles, material)
    means = {name: float(np.mean([frame.error_mm(name) for frame in frames])) for name in compared.runs}
    return Illustration(
        name=f"categories_{methods[0].first.dataset}",
        title=CATEGORIES_TITLE.format(study=study.title),
        caption=CATEGORIES_CAPTION.format(
            categories=len(frames),
            means=", ".join(f"{name} {mean:.1f}" for name, mean in means.items()),
            seeds=compared.seeds,
        ),
        alt=CATEGORIES_ALT.format(methods=words.names(methods)),
        figure=categories_figure(frames, predictions.skeleton),
    )


def spread(methods: Sequence[MethodRuns], number: int) -> list[MethodRuns]:
    """At most ``number`` methods, evenly from the first to the last."""
    return [methods[k] for k in evenly(number, len(methods))]


def _compared(methods: Sequence[MethodRuns]) -> _Compared:
    common = set.intersection(*(set(m.seeds) for m in methods))
    runs = {m.name: next(run for run in m.runs if not common or run.seed == min(common)) for m in methods}
    return _Compared(runs, np.mean([run.predictions.frame_error_mm for run in runs.values()], 0))


def _frames(
    compared: _Compared, numbers: Sequence[int], titles: Sequence[str], material: Material
) -> list[ComparedFrame]:
    """Frames by their numbers among the predictions; if an image is missing, all are without."""
    first = next(iter(compared.runs.values()))
    images = _images(first, numbers, material)
    return [
        ComparedFrame(
            title=title,
            images=None if images is None else images[n],
            truth_cm=first.predictions.truth_cm[k],
            estimates_cm={name: run.predictions.pose_cm[k] for name, run in compared.runs.items()},
        )
        for n, (k, title) in enumerate(zip(numbers, titles, strict=True))
    ]


def _images(run: Run, numbers: Sequence[int], material: Material) -> UInt8[np.ndarray, "n v 3 h w"] | None:
    store = material.store_of(run)
    if store is not None:
        with material.passing_over(f"Images of {run.dataset} beside poses"):
            return store.read(run.predictions.row[list(numbers)].tolist()).images.numpy()
    return None
