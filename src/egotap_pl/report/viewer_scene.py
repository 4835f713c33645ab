"""Chooses what a report's viewer shows: whole test motions, a run per method, and their pictures."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from egotap_pl.analysis.predictions import Predictions
from egotap_pl.analysis.runs import Run
from egotap_pl.figures.drawing import hues
from egotap_pl.report.contents import ViewerScene
from egotap_pl.report.material import Material
from egotap_pl.report.network_parts import NetworkParts
from egotap_pl.report.studies import ConditionStudies

IMAGE_PX = 128
"""Larger images are reduced: the viewer shows them at about this size."""

LONGEST_SHARE = 0.25
"""The largest share of the frames for one motion."""

MAIN = "EgoTAP"
BATCH = 32

NOTE = (
    "{dataset}, {frames}{seed}. Motions are in the order of the error of {method}, the worst first, and the viewer "
    "opens in their middle. {heatmaps}."
)
HEATMAPS = {
    "true": "Heatmaps are true",
    "estimated": "Heatmaps are estimated, as this method read them",
    "no": "This method reads images, not heatmaps",
}
OTHER_DATA = "Test motions in 3D: {dataset} ({fingerprint}) is missing; a report of its runs alone shows it"
NO_PREDICTIONS = "Test motions in 3D: no run has predictions"


class _Entry(NamedTuple):
    """A method's run, under the name that the viewer gives it."""

    name: str
    run: Run
    parts: NetworkParts


def viewer_scene(material: Material, frames: int) -> ViewerScene | None:
    """What the viewer shows: runs on the same test frames, of several data sets those of the one with most methods.

    Motions are whole, in the order of the main method's error, the worst first. If not all fit, the worst, the median
    and the best are taken first, and then others at even steps between them. Of every method one run is shown, all of
    one seed if there is a seed that all have.

    Args:
        material: the runs, with their frames and networks.
        frames: the largest number of frames; 0 for no scene.

    Returns:
        The scene; None without frames or predictions.
    """
    conditions = [each for each in material.studies.conditions if each.methods]
    if frames <= 0:
        return None
    if not conditions:
        material.missing.append(NO_PREDICTIONS)
        return None
    entries = _entries(conditions, material.missing)
    main = entries[0].run.predictions
    order = chosen_frames(main, main.frame_error_mm, frames)
    images, heatmaps = None, None
    with material.passing_over("Pictures of the test motions", Exception):
        images, heatmaps = pictures_of(entries[0].run, order, material)
    estimates = {entry.name: entry.run.predictions for entry in entries}
    return replace(scene_of(estimates, order, images, heatmaps), note=_note(entries, len(order), len(main)))


def scene_of(
    estimates: Mapping[str, Predictions], order: list[int], images: np.ndarray | None, heatmaps: np.ndarray | None
) -> ViewerScene:
    """The scene of predictions of the same test frames.

    Args:
        estimates: predictions by the name of what made them; the first say what the frames are.
        order: the frames to show.
        images: pictures of these frames, or None.
        heatmaps: their heatmaps, or None.
    """
    main = next(iter(estimates.values()))
    return ViewerScene(
        skeleton=main.skeleton,
        motion=[main.motion[k] for k in order],
        category=[main.category[k] for k in order],
        frame_number=main.frame_number[order].tolist(),
        images=images,
        heatmaps=heatmaps,
        visibility=main.visibility[order],
        truth_cm=main.truth_cm[order],
        estimates_cm={name: predictions.pose_cm[order] for name, predictions in estimates.items()},
    )


def chosen_frames(predictions: Predictions, error_mm: Float[np.ndarray, "n"], frames: int) -> list[int]:
    """Which frames the viewer shows, in their order: whole motions, those with the largest mean error first.

    Of a very long motion, the part around its worst frame is taken.

    Args:
        predictions: the test frames.
        error_mm: error of each frame.
        frames: the largest number of frames.

    Returns:
        Indices into the predictions.
    """
    motions: dict[tuple[str, str, str], list[int]] = defaultdict(list)
    for k in np.argsort(predictions.frame_number, kind="stable").tolist():
        motions[predictions.category[k], predictions.subject[k], predictions.motion[k]].append(k)
    longest = frames if len(predictions) <= frames else max(int(LONGEST_SHARE * frames), 1)
    parts = [_worst_part(motion, error_mm, longest) for motion in motions.values()]
    parts.sort(key=lambda part: -float(np.nan_to_num(error_mm[part], nan=np.inf).mean()))
    taken, left = set(), frames
    for k in _spread(len(parts)):
        if len(parts[k]) <= left:
            taken.add(k)
            left -= len(parts[k])
    return [frame for k in sorted(taken) for frame in parts[k]]


def _worst_part(motion: list[int], error_mm: Float[np.ndarray, "n"], longest: int) -> list[int]:
    worst = int(np.argmax(np.nan_to_num(error_mm[motion], nan=np.inf)))
    first = min(max(worst - longest // 2, 0), max(len(motion) - longest, 0))
    return motion[first : first + longest]


def _spread(number: int) -> Iterator[int]:
    """The first, the middle and the last rank, then the middles of what lies between, and so on."""
    done: set[int] = set()
    steps = 2
    while len(done) < number:
        for k in (round(step * (number - 1) / steps) for step in range(steps + 1)):
            if k not in done:
                done.add(k)
                yield k
        steps *= 2


def _entries(conditions: Sequence[ConditionStudies], missing: list[str]) -> list[_Entry]:
    """A run per method on the frames that most methods were tested on, the main one first."""
    by_data: dict[str, list[ConditionStudies]] = defaultdict(list)
    for each in conditions:
        by_data[each.fingerprint].append(each)
    chosen = max(by_data.values(), key=lambda same_data: sum(len(each.methods) for each in same_data))
    missing += [
        OTHER_DATA.format(dataset=others[0].dataset, fingerprint=fingerprint[:12])
        for fingerprint, others in by_data.items()
        if others is not chosen
    ]
    methods = [(each, method) for each in chosen for method in each.methods]
    common = set.intersection(*(set(method.seeds) for _, method in methods))
    seed = min(common) if common else None
    settings = {each: (f"scale={each.condition.scale}", *each.condition.overrides) for each in chosen}
    shared = set.intersection(*map(set, settings.values()))
    entries = []
    for each, method in methods:
        run = method.first if seed is None else method.runs[method.seeds.index(seed)]
        words = [word for word in settings[each] if word not in shared]
        words = [method.name, *words, *([] if seed is not None else [f"seed {run.seed}"])]
        entries.append(_Entry(", ".join(words), run, method.parts))
    main = min(entries, key=_rank)
    # The viewer begins with the first two, which then read the same kind of heatmaps.
    return sorted(
        entries,
        key=lambda entry: (entry is not main, entry.parts.reads_true_heatmaps != main.parts.reads_true_heatmaps),
    )


def _rank(entry: _Entry) -> tuple[bool, bool, float]:
    """The main method is EgoTAP or else the most accurate one, on estimated heatmaps if there are any."""
    return entry.parts.reads_true_heatmaps, not entry.name.startswith(MAIN), float(entry.run.metrics["mpjpe"])


def _note(entries: Sequence[_Entry], number: int, of: int) -> str:
    main, seeds = entries[0], {entry.run.seed for entry in entries}
    return NOTE.format(
        dataset=main.run.dataset,
        frames=f"all {of} test frames" if number == of else f"{number} of {of} test frames",
        seed=f", seed {seeds.pop()}" if len(seeds) == 1 else "",
        method=main.name,
        heatmaps=HEATMAPS[main.parts.heatmaps_name],
    )


def pictures_of(
    run: Run, order: Sequence[int], material: Material
) -> tuple[UInt8[np.ndarray, "n v 3 h w"] | None, UInt8[np.ndarray, "n v 3 h2 w2"] | None]:
    """Images and coloured heatmaps of frames; None where they are missing.

    Args:
        run: the run whose test frames these are.
        order: indices into its predictions.
        material: finds frames and networks.
    """
    store = material.store_of(run)
    if store is None:
        return None, None
    rows = run.predictions.row[list(order)].tolist()
    task = material.task_of(run, "Heatmaps of the test motions")
    images, heatmaps = [], []
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    with torch.inference_mode():
        for first in range(0, len(rows), BATCH):
            batch = store.read(rows[first : first + BATCH])
            images.append(reduced(batch.images))
            if task is not None and getattr(task, "reads_heatmaps", True):
                joint = task.to(device).maps(batch.on(device)).joint.cpu()  # type: ignore[operator]
                heatmaps.append(coloured(joint))
    return np.concatenate(images), np.concatenate(heatmaps) if heatmaps else None


def reduced(images: UInt8[Tensor, "b v 3 h w"]) -> UInt8[np.ndarray, "b v 3 h2 w2"]:
    """Images of at most `IMAGE_PX` pixels a side."""
    if images.shape[-1] <= IMAGE_PX:
        return images.numpy()
    flat = images.flatten(0, 1).float()
    small = torch.nn.functional.interpolate(flat, (IMAGE_PX, IMAGE_PX), mode="bilinear", antialias=True)
    return small.round().clamp(0, 255).byte().unflatten(0, images.shape[:2]).numpy()


def coloured(heatmaps: Float[Tensor, "b v j h w"]) -> UInt8[np.ndarray, "b v 3 h w"]:
    """Joint heatmaps as one picture on black, each joint in its own hue."""
    colours = torch.from_numpy(hues(heatmaps.shape[2])).float()
    pictures = torch.einsum("bvjhw,jc->bvchw", heatmaps.float().clamp(0, 1), colours)
    return (255 * pictures.clamp(0, 1)).round().byte().numpy()
