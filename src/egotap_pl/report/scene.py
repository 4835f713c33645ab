"""Chooses what a report's viewer shows: whole test motions, a run per method, and their pictures."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from egotap_pl.analysis.predictions import Predictions
from egotap_pl.analysis.runs import Run
from egotap_pl.analysis.variants import Condition
from egotap_pl.figures.drawing import hues
from egotap_pl.report.contents import Scene
from egotap_pl.report.stores import Stores, task_of
from egotap_pl.report.studies import Ground, shown

IMAGE_PX = 128  # larger images are reduced: they are shown at about this size
LONGEST_SHARE = 0.25  # of the frames, for one motion
MAIN = "EgoTAP"
BATCH = 32


class Staged(NamedTuple):
    """A scene if there can be one, and what could not be had for it: lines for `Report.missing`."""

    scene: Scene | None
    missing: list[str]


class _Entry(NamedTuple):
    """A method's run, under the name that the viewer gives it."""

    name: str
    run: Run


def scene_of(conditions: Sequence[Condition], data_root: Path, trust: tuple[str, ...], frames: int) -> Staged:
    """Put together what the viewer shows of runs on the same test frames: of several data sets, that of most methods.

    Motions are whole, in the order of the main method's error, the worst first; of more than fit, the worst, the
    median and the best are taken first and then others at even steps between them.

    Args:
        conditions: of any data sets; of a method, one run is shown, all of one seed if there is one that all have.
        data_root: where prepared data live; without a run's frame store there are no images and heatmaps.
        trust: packages whose classes checkpoints may name.
        frames: at most as many; 0 for no scene.
    """
    if frames <= 0:
        return Staged(None, [])
    grounds = [ground for ground in shown(conditions, []).grounds if ground.methods]  # figures tell what is left out
    if not grounds:
        return Staged(None, ["Test motions in 3D: no run has predictions"])
    entries, told = _entries(grounds)
    main = entries[0].run.predictions
    order = chosen_frames(main, main.error_mm.mean(-1), frames)
    images, heatmaps, lacking = _pictures(entries[0], order, data_root, trust)
    return Staged(
        Scene(
            skeleton=main.skeleton,
            motion=[main.motion[k] for k in order],
            category=[main.category[k] for k in order],
            frame_number=main.frame_number[order].tolist(),
            images=images,
            heatmaps=heatmaps,
            visibility=main.visibility[order],
            truth_cm=main.truth_cm[order],
            estimates_cm={entry.name: entry.run.predictions.pose_cm[order] for entry in entries},
            note=_note(entries, len(order), len(main)),
        ),
        [*told, *lacking],
    )


def chosen_frames(predictions: Predictions, error_mm: Float[np.ndarray, "n"], frames: int) -> list[int]:
    """Whole motions, by their mean error, the worst first; of a very long one, the part about its worst frame.

    Args:
        predictions: whose frames.
        error_mm: of every frame.
        frames: at most as many.
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
    """0, the middle and the last of a ranking, then the middles of what lies between, and so on."""
    given: set[int] = set()
    steps = 2
    while len(given) < number:
        for k in (round(step * (number - 1) / steps) for step in range(steps + 1)):
            if k not in given:
                given.add(k)
                yield k
        steps *= 2


def _entries(grounds: Sequence[Ground]) -> tuple[list[_Entry], list[str]]:
    """A run per method on the frames that most methods were tested on, the main one first; and what is left out."""
    by_data: dict[str, list[Ground]] = defaultdict(list)
    for ground in grounds:
        by_data[ground.fingerprint].append(ground)
    chosen = max(by_data.values(), key=lambda each: sum(len(ground.methods) for ground in each))
    told = [
        f"Test motions in 3D: {others[0].dataset} ({fingerprint[:12]}) is left out; a report of its runs alone shows it"
        for fingerprint, others in by_data.items()
        if others is not chosen
    ]
    methods = [(ground, method) for ground in chosen for method in ground.methods]
    common = set.intersection(*(set(method.seeds) for _, method in methods))
    seed = min(common) if common else None
    changes = set.intersection(*(set(ground.condition.overrides) for ground in chosen))
    entries = []
    for ground, method in methods:
        run = method.first if seed is None else method.runs[method.seeds.index(seed)]
        words = [word for word in ground.condition.overrides if word not in changes]
        words = [method.name, *words, *([] if seed is not None else [f"seed {run.seed}"])]
        entries.append(_Entry(", ".join(words), run))
    main = _main(entries)
    # The viewer begins with the first two, which then read the same kind of heatmaps.
    return sorted(entries, key=lambda entry: (entry is not main, entry.run.maps != main.run.maps)), told


def _main(entries: Sequence[_Entry]) -> _Entry:
    """EgoTAP, or else the most accurate method; on estimated heatmaps if there are any."""

    def rank(entry: _Entry) -> tuple[bool, bool, float]:
        return entry.run.maps == "true", not entry.name.startswith(MAIN), float(entry.run.metrics["mpjpe"])

    return min(entries, key=rank)


def _note(entries: Sequence[_Entry], shown: int, there: int) -> str:
    seeds = {entry.run.seed for entry in entries}
    frames = f"all {there} test frames" if shown == there else f"{shown} of {there} test frames"
    seed = f", seed {seeds.pop()}" if len(seeds) == 1 else ""
    maps = "true" if entries[0].run.maps == "true" else "estimated, as this method read them"
    return (
        f"{entries[0].run.dataset}, {frames}{seed}. Motions are in the order of the error of {entries[0].name}, the "
        f"worst first, and the viewer opens in their middle. Heatmaps are {maps}."
    )


def _pictures(
    main: _Entry, order: Sequence[int], data_root: Path, trust: tuple[str, ...]
) -> tuple[UInt8[np.ndarray, "n v 3 h w"] | None, UInt8[np.ndarray, "n v 3 h2 w2"] | None, list[str]]:
    """Images and painted heatmaps of frames, None where they cannot be had, and why."""
    missing: list[str] = []
    store = Stores(data_root, missing)(main.run)
    if store is None:
        return None, None, missing
    rows = main.run.predictions.row[list(order)].tolist()
    task = task_of(main.run, trust, missing, "Heatmaps of the test motions")
    images, maps = [], []
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    with torch.inference_mode():
        for first in range(0, len(rows), BATCH):
            batch = store.read(rows[first : first + BATCH])
            images.append(reduced(batch.images))
            if task is not None:
                maps.append(painted(task.to(device).maps(batch.on(device)).joint.cpu()))  # type: ignore[operator]
    store.close()
    return np.concatenate(images), np.concatenate(maps) if maps else None, missing


def reduced(images: UInt8[Tensor, "b v 3 h w"]) -> UInt8[np.ndarray, "b v 3 h2 w2"]:
    """Images of at most `IMAGE_PX` pixels a side."""
    if images.shape[-1] <= IMAGE_PX:
        return images.numpy()
    flat = images.flatten(0, 1).float()
    small = torch.nn.functional.interpolate(flat, (IMAGE_PX, IMAGE_PX), mode="bilinear", antialias=True)
    return small.round().clamp(0, 255).byte().unflatten(0, images.shape[:2]).numpy()


def painted(maps: Float[Tensor, "b v j h w"]) -> UInt8[np.ndarray, "b v 3 h w"]:
    """Joint heatmaps as one picture on black: a hue per joint."""
    colours = torch.from_numpy(hues(maps.shape[2])).float()
    picture = torch.einsum("bvjhw,jc->bvchw", maps.float().clamp(0, 1), colours)
    return (255 * picture.clamp(0, 1)).round().byte().numpy()
