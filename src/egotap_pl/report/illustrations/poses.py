"""The figures of a report that show poses of several methods beside the truth."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from egotap_pl.analysis.runs import Run
from egotap_pl.analysis.typical_frames import extremes, median_frames
from egotap_pl.core.evenly import evenly
from egotap_pl.core.wording import in_words
from egotap_pl.data.store.reader import FrameStore
from egotap_pl.figures.comparison import ComparedFrame, categories_figure, comparison_figure
from egotap_pl.report.contents import Illustration
from egotap_pl.report.stores import Stores
from egotap_pl.report.studies import Method, Shown

COMPARED, COMPARED_BY_CATEGORY = 4, 3


def comparison_illustrations(found: Shown, stores: Stores) -> list[Illustration]:
    """Per data set: the worst, the median and the best frame, and the median frame of every category."""
    illustrations = []
    for study in found.per_data_set():
        for number, draw in ((COMPARED, _extremes), (COMPARED_BY_CATEGORY, _by_category)):
            methods = spread(study.methods, number)
            illustrations.append(draw(study.title, methods, stores(methods[0].first)))
    return illustrations


def spread(methods: Sequence[Method], number: int) -> list[Method]:
    """At most so many methods, evenly from the first to the last."""
    return [methods[k] for k in evenly(number, len(methods))]


class _Compared(NamedTuple):
    """Poses of methods' runs, each of the lowest seed that all have, or else of its own lowest."""

    runs: dict[str, Run]
    frame_error_mm: Float[np.ndarray, "n"]


def _compared(methods: Sequence[Method]) -> _Compared:
    common = set.intersection(*(set(m.seeds) for m in methods))
    runs = {m.name: next(r for r in m.runs if not common or r.seed == min(common)) for m in methods}
    return _Compared(runs, np.mean([run.predictions.error_mm.mean(1) for run in runs.values()], 0))


def _frame(compared: _Compared, index: int, title: str, store: FrameStore | None) -> ComparedFrame:
    first = next(iter(compared.runs.values())).predictions
    images = None if store is None else store.read([int(first.row[index])]).images[0].numpy()
    estimates = {name: run.predictions.pose_cm[index] for name, run in compared.runs.items()}
    return ComparedFrame(title, images, first.truth_cm[index], estimates)


def _extremes(title: str, methods: Sequence[Method], store: FrameStore | None) -> Illustration:
    compared = _compared(methods)
    predictions = methods[0].first.predictions
    chosen = extremes(compared.frame_error_mm)._asdict()
    frames = [_frame(compared, k, f"{name}\n{predictions.category[k]}", store) for name, k in chosen.items()]
    told = "; ".join(
        f"{name}: {predictions.motion[k]}, frame {predictions.frame_number[k]} ({predictions.category[k]}), "
        f"{_errors(frame)}"
        for (name, k), frame in zip(chosen.items(), frames, strict=True)
    )
    return Illustration(
        f"comparison_{methods[0].first.dataset}",
        f"Poses beside the truth ({title})",
        f"The test frames of the largest, the median and the smallest error, averaged over the methods shown. Truth "
        f"blue, estimates orange; in every field from the front (left) and from the side (right), in the left camera's "
        f"axes, which look down along the body. MPJPE in mm. {told}. {_runs(compared)}",
        f"Stereo images and stick figures of {in_words(list(compared.runs))} over the true pose, for the worst, the "
        f"median and the best test frame.",
        comparison_figure(frames, predictions.skeleton),
    )


def _by_category(title: str, methods: Sequence[Method], store: FrameStore | None) -> Illustration:
    compared = _compared(methods)
    predictions = methods[0].first.predictions
    chosen = median_frames(compared.frame_error_mm, predictions.category)
    frames = [_frame(compared, k, name.replace(" - ", "\n"), store) for name, k in chosen.items()]
    means = {name: float(np.mean([frame.error_mm(name) for frame in frames])) for name in compared.runs}
    told = ", ".join(f"{name} {mean:.1f}" for name, mean in means.items())
    return Illustration(
        f"categories_{methods[0].first.dataset}",
        f"A frame of every category ({title})",
        f"Of each of the {len(frames)} categories the test frame of the median error, averaged over the methods shown. "
        f"Truth blue, estimates orange, from the front and from the side. MPJPE in mm; mean over these frames: {told}. "
        f"{_runs(compared)}",
        f"Left image and stick figures of {in_words(list(compared.runs))} over the true pose, for one frame of every "
        f"motion category.",
        categories_figure(frames, predictions.skeleton),
    )


def _errors(frame: ComparedFrame) -> str:
    return ", ".join(f"{name} {frame.error_mm(name):.1f} mm" for name in frame.estimates_cm)


def _runs(compared: _Compared) -> str:
    seeds = sorted({run.seed for run in compared.runs.values()})
    return f"Runs of seed {in_words([str(seed) for seed in seeds])}."
