"""Heatmaps rebuilt from the features of encoders (paper 4.3.1)."""

from __future__ import annotations

import torch

from egotap_pl.core.evenly import evenly
from egotap_pl.core.wording import in_words
from egotap_pl.data.store.reader import FrameStore
from egotap_pl.figures.reconstruction import RebuiltFrame, reconstruction_figure
from egotap_pl.report.contents import Illustration
from egotap_pl.report.material import Material
from egotap_pl.report.studies import ConditionStudies, MethodRuns
from egotap_pl.tasks import ReconstructionTask

FRAMES = 3
TITLE = "Heatmaps rebuilt from the encoders' features ({condition})"
CAPTION = (
    "A decoder learned to rebuild the joint heatmaps from the features of each frozen encoder (paper 4.3.1). Drawn is "
    "the largest value of all joints' heatmaps at every pixel, for {frames} test frames at even distances; below each "
    "picture, the mean squared error of its heatmaps. Over the whole test set it is {errors}, and {zeros:.2e} for "
    "all-zero heatmaps. Runs of seed {seeds}."
)
ALT = "Rows of pictures: stereo images, {heatmaps} of the joints, and those rebuilt from the features of {methods}."
OTHER_HEATMAPS = "Rebuilt heatmaps: {method} was trained on other heatmaps than {first}"


def reconstruction_illustration(each: ConditionStudies, material: Material) -> Illustration | None:
    """Heatmaps rebuilt from every encoder that was probed under a condition; None if there is nothing to show.

    Args:
        each: the condition.
        material: gives frames and networks.
    """
    tasks: dict[MethodRuns, ReconstructionTask] = {}
    for method in each.probes:
        task = material.task_of(method.first, "Rebuilt heatmaps")
        if isinstance(task, ReconstructionTask):  # all-zero heatmaps need no picture
            tasks[method] = task
    store = material.store_of(each.probes[0].first) if tasks else None
    if store is None:
        return None
    frames, methods = _rebuilt_frames(tasks, store, material)
    first = methods[0]
    return Illustration(
        name=f"reconstruction_{each.condition.slug}",
        title=TITLE.format(condition=each.condition.title),
        caption=CAPTION.format(
            frames=len(frames),
            errors=", ".join(f"{method.name} {method.first.metrics['mse']:.2e}" for method in methods),
            zeros=first.first.metrics["zeros_mse"],
            seeds=in_words([str(seed) for seed in sorted({method.first.seed for method in methods})]),
        ),
        alt=ALT.format(heatmaps=_heatmaps(first), methods=in_words([method.name for method in methods])),
        figure=reconstruction_figure(frames),
    )


def _rebuilt_frames(
    tasks: dict[MethodRuns, ReconstructionTask], store: FrameStore, material: Material
) -> tuple[list[RebuiltFrame], list[MethodRuns]]:
    """Frames at even distances, and the methods whose probes read the same heatmaps as the first."""
    batch = store.read(evenly(FRAMES, len(store)))
    first, *_ = tasks
    rebuilt = {}
    with torch.inference_mode():
        original = tasks[first].maps(batch)
        for method, task in tasks.items():
            heatmaps = task.maps(batch)
            if heatmaps.shape == original.shape and heatmaps.allclose(original):
                rebuilt[method] = task.rebuild(original).numpy()
            else:
                material.missing.append(OTHER_HEATMAPS.format(method=method.name, first=first.name))
    frames = [
        RebuiltFrame(
            title=store.categories[category].replace(" - ", "\n"),
            images=batch.images[n].numpy(),
            heatmaps={
                _heatmaps(first): original[n].numpy(),
                **{method.name: heatmaps[n] for method, heatmaps in rebuilt.items()},
            },
        )
        for n, category in enumerate(batch.category.tolist())
    ]
    return frames, list(rebuilt)


def _heatmaps(method: MethodRuns) -> str:
    return f"{method.parts.heatmaps_name} heatmaps"
