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

from egotap_pl.analysis.contents import Scene
from egotap_pl.analysis.figures.drawing import hues
from egotap_pl.analysis.predictions import Predictions
from egotap_pl.analysis.runs import Run
from egotap_pl.cli.checkpoints import load_task
from egotap_pl.cli.datasets import find_data
from egotap_pl.cli.report.methods import Condition, Method, conditions, is_lifting, readable
from egotap_pl.core.batch import Example
from egotap_pl.core.errors import EgotapError
from egotap_pl.data.prepare import store_path
from egotap_pl.data.store import FrameStore

IMAGE_PX = 128  # larger images are reduced: they are shown at about this size
LONGEST_SHARE = 0.25  # of the frames, for one motion
MAIN = ("table1/egotap", "table2/grid_vit_pu")
BATCH = 32


class Staged(NamedTuple):
    """A scene if there can be one, and what could not be had for it: lines for `Report.missing`."""

    scene: Scene | None
    missing: list[str]


class _Entry(NamedTuple):
    """A method's run, under the name that the viewer gives it."""

    name: str
    run: Run
    maps: str


def scene_of(runs: Sequence[Run], data_root: Path, trust: tuple[str, ...], frames: int) -> Staged:
    """Put together what the viewer shows of runs on the same test frames: of several data sets, that of most methods.

    Motions are whole, in the order of the main method's error, the worst first; of more than fit, the worst, the
    median and the best are taken first and then others at even steps between them.

    Args:
        runs: finished runs of any presets, data sets and seeds; of a method, one run is shown, all of one seed if
            there is one that all have.
        data_root: where prepared data live; without a run's frame store there are no images and heatmaps.
        trust: packages whose classes checkpoints may name.
        frames: at most as many; 0 for no scene.
    """
    if frames <= 0:
        return Staged(None, [])
    grouped, _ = conditions(readable([run for run in runs if is_lifting(run)])[0])  # the figures tell what is left out
    if not grouped:
        return Staged(None, ["Test motions in 3D: no run has predictions"])
    entries, told = _entries(grouped)
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


def _entries(grouped: dict[Condition, list[Method]]) -> tuple[list[_Entry], list[str]]:
    """A run per method on the frames that most methods were tested on, the main one first; and what is left out."""
    grounds: dict[tuple[str, str, str], list[tuple[Condition, Method]]] = defaultdict(list)
    for condition, methods in grouped.items():
        ground = (condition.dataset, condition.fingerprint, condition.split)
        grounds[ground] += [(condition, method) for method in methods]
    ground = max(grounds, key=lambda each: len(grounds[each]))
    told = [
        f"Test motions in 3D: {dataset} ({fingerprint[:12]}, {split}) is not shown; a report of its runs alone shows it"
        for dataset, fingerprint, split in grounds
        if (dataset, fingerprint, split) != ground
    ]
    shown = grounds[ground]
    common = set.intersection(*(set(method.seeds) for _, method in shown))
    seed = min(common) if common else None
    entries: list[_Entry] = []
    for condition, method in shown:
        run = method.first if seed is None else method.runs[method.seeds.index(seed)]
        if not any(_are_same(run, other.run) for other in entries):  # a run may stand in two tables
            name = f"Grid ViT {method.name}" if method.name.startswith("+") else method.name
            name += ", true heatmaps" if condition.maps == "true" else ""
            name += "" if seed is not None else f", seed {run.seed}"
            if any(name == other.name for other in entries):
                name = f"{condition.table}: {name}"
            entries.append(_Entry(name, run, condition.maps))
    main = _main(entries)
    # The viewer begins with the first two, which then read the same kind of heatmaps.
    return sorted(entries, key=lambda entry: (entry is not main, entry.maps != main.maps)), told


def _are_same(run: Run, other: Run) -> bool:
    return np.array_equal(run.predictions.pose_cm, other.predictions.pose_cm)


def _main(entries: Sequence[_Entry]) -> _Entry:
    """EgoTAP, or else the most accurate method on estimated heatmaps, or else of all."""

    def rank(entry: _Entry) -> tuple[int, bool, float]:
        known = MAIN.index(entry.run.experiment) if entry.run.experiment in MAIN else len(MAIN)
        return known + (entry.maps == "true") * len(MAIN), entry.maps == "true", float(entry.run.metrics["mpjpe"])

    return min(entries, key=rank)


def _note(entries: Sequence[_Entry], shown: int, there: int) -> str:
    seeds = {entry.run.seed for entry in entries}
    frames = f"all {there} test frames" if shown == there else f"{shown} of {there} test frames"
    seed = f", seed {seeds.pop()}" if len(seeds) == 1 else ""
    maps = "true" if entries[0].maps == "true" else "estimated, as this method read them"
    return (
        f"{entries[0].run.dataset}, {frames}{seed}. Motions are in the order of the error of {entries[0].name}, the "
        f"worst first, and the viewer opens in their middle. Heatmaps are {maps}."
    )


def _pictures(
    main: _Entry, order: Sequence[int], data_root: Path, trust: tuple[str, ...]
) -> tuple[UInt8[np.ndarray, "n v 3 h w"] | None, UInt8[np.ndarray, "n v 3 h2 w2"] | None, list[str]]:
    """Images and painted heatmaps of frames, None where they cannot be had, and why."""
    predictions = main.run.predictions
    folder = find_data(data_root, predictions.dataset_fingerprint)
    if folder is None:
        reason = f"the frames of {main.run.dataset} ({predictions.dataset_fingerprint[:12]}) are not in {data_root}"
        return None, None, [f"Images and heatmaps of the test motions: {reason}; egotap prepare makes them"]
    store = FrameStore(store_path(folder, predictions.split))
    rows, missing, task = predictions.row[list(order)].tolist(), [], None
    try:
        task = load_task(main.run.checkpoint, trust)[0].eval()
    except EgotapError as error:
        missing.append(f"Heatmaps of the test motions: {error}")
    images, maps = [], []
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    with torch.inference_mode():
        for first in range(0, len(rows), BATCH):
            batch = store.read(rows[first : first + BATCH])
            images.append(reduced(batch.images))
            if task is not None:
                maps.append(painted(task.to(device).maps(Example(batch.on(device), None)).joint.cpu()))  # type: ignore[operator]
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
