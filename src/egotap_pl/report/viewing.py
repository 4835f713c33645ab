"""A run, predictions, poses of a recording, or a frame store, as one page with the 3D viewer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

import egotap_pl
from egotap_pl.analysis.poses import Poses, are_poses
from egotap_pl.analysis.predictions import Predictions
from egotap_pl.core.errors import EgotapError
from egotap_pl.core.evenly import evenly
from egotap_pl.core.hdf5 import Hdf5File
from egotap_pl.data.source import SPLITS
from egotap_pl.data.store.paths import store_path
from egotap_pl.data.store.reader import FrameStore
from egotap_pl.engine.datasets import check_split, find_data
from egotap_pl.engine.devices.choice import check_whole
from egotap_pl.engine.runs.folders import ENTRY
from egotap_pl.report.contents import Report, ViewerScene
from egotap_pl.report.gather import read_run
from egotap_pl.report.material import Material
from egotap_pl.report.page import write_page
from egotap_pl.report.viewer_scene import BATCH, chosen_frames, pictures_of, reduced, scene_of

_REMEDY = "give a run's folder, its predictions.h5, an .h5 or .npz file of egotap predict, or a frame store"


@dataclass(frozen=True)
class ViewOptions:
    """What a page shows."""

    frames: int = 600
    """Largest number of frames."""

    split: str = "test"
    """Of prepared data: ``train``, ``validation`` or ``test``."""

    data: Path = Path("work/data")
    """Folder of prepared data, where a run's images are looked for."""

    trust: tuple[str, ...] = ("egotap_pl",)
    """Packages whose classes a run's checkpoint may name."""

    def __post_init__(self) -> None:
        check_split(self.split)
        check_whole("frames", self.frames, 1)


def write_view(path: Path, output: Path, options: ViewOptions) -> list[str]:
    """Write a page with the viewer.

    Args:
        path: a run's folder, its predictions, poses of `egotap predict`, a frame store, or a folder of prepared data.
        output: the .html file to write.
        options: what it shows.

    Returns:
        What could not be shown, a line each.

    Raises:
        EgotapError: if there is no such file, or it is something else.
    """
    if output.suffix.lower() not in (".html", ".htm") or output.is_dir():
        raise EgotapError(f"output={output}: must be a file that ends in .html")
    if not path.exists():
        raise EgotapError(f"{path}: no such file or folder; {_REMEDY}")
    missing: list[str] = []
    facts, scene = _scene(path, options, missing)
    report = Report(str(path), facts, missing, scene=scene, made_by="egotap view")
    output.parent.mkdir(parents=True, exist_ok=True)
    write_page(report, output)
    return missing


def _scene(path: Path, options: ViewOptions, missing: list[str]) -> tuple[Mapping[str, str], ViewerScene]:
    if (path / ENTRY).is_file():
        return _of_run(path, options, missing)
    if path.name == "predictions.h5" and (path.parent / ENTRY).is_file():
        return _of_run(path.parent, options, missing)
    if path.is_dir():
        if not any(store_path(path, split).is_file() for split in SPLITS):
            raise EgotapError(f"{path} is neither a run's folder nor prepared data; {_REMEDY}")
        return _of_store(FrameStore(store_path(path, options.split)), options)
    if path.suffix.lower() not in (".h5", ".hdf5", ".npz"):
        raise EgotapError(f"{path} is not of a kind that can be shown; {_REMEDY}")
    if are_poses(path):
        return _of_poses(Poses.read(path), options)
    with Hdf5File(path, _REMEDY) as file:
        if "truth_cm" not in file:
            return _of_store(FrameStore(path), options)
    return _of_predictions(Predictions.read(path), options, missing)


def _of_run(folder: Path, options: ViewOptions, missing: list[str]) -> tuple[Mapping[str, str], ViewerScene]:
    run = read_run(folder)
    if not run.is_lifting:
        raise EgotapError(f"{folder} is the run of a probe, which rebuilds heatmaps: it has no poses to show")
    order = chosen_frames(run.predictions, run.predictions.frame_error_mm, options.frames)
    images, heatmaps = None, None
    with Material([], options.data, options.trust) as material:
        with material.passing_over("Pictures of the test motions", Exception):
            images, heatmaps = pictures_of(run, order, material)
        missing += material.missing
    facts = {
        "experiment": run.experiment,
        "data set": run.dataset,
        "seed": str(run.seed),
        "MPJPE": f"{float(run.metrics['mpjpe']):.1f} mm",
        "PA-MPJPE": "not known" if run.metrics["pa_mpjpe"] is None else f"{float(run.metrics['pa_mpjpe']):.1f} mm",
    }
    return _facts(facts, len(order), len(run.predictions)), scene_of(
        {run.experiment: run.predictions}, order, images, heatmaps
    )


def _of_predictions(
    predictions: Predictions, options: ViewOptions, missing: list[str]
) -> tuple[Mapping[str, str], ViewerScene]:
    order = chosen_frames(predictions, predictions.frame_error_mm, options.frames)
    images, folder = None, find_data(options.data, predictions.dataset_fingerprint)
    if folder is None:
        missing.append(f"Images: the frame store of these predictions is not in {options.data}")
    else:
        try:
            images = _images(FrameStore(store_path(folder, predictions.split)), predictions.row[order].tolist())
        except EgotapError as error:
            missing.append(f"Images: {error}")
    facts = {"MPJPE": f"{np.nanmean(predictions.frame_error_mm):.1f} mm", "split": predictions.split}
    return _facts(facts, len(order), len(predictions)), scene_of({"estimate": predictions}, order, images, None)


def _of_poses(poses: Poses, options: ViewOptions) -> tuple[Mapping[str, str], ViewerScene]:
    if not len(poses):
        raise EgotapError("the file has no poses to show")
    order = np.arange(len(poses))[: options.frames]
    peaks = poses.confidence[np.isfinite(poses.confidence)]
    facts = {
        "recording": poses.recording,
        "checkpoint": poses.checkpoint,
        "confidence": f"{peaks.mean():.2f} on average" if peaks.size else "not in the file",
    }
    name = Path(poses.recording).name or "recording"
    scene = _alone(poses.pose_cm[order], poses.frame[order].tolist(), [name] * len(order), ["poses"] * len(order))
    return _facts(facts, len(order), len(poses)), ViewerScene(
        **scene,
        skeleton=poses.skeleton,
        images=None,
        visibility=np.zeros((len(order), 2, poses.pose_cm.shape[1]), np.uint8),
        reference="estimate",
    )


def _of_store(store: FrameStore, options: ViewOptions) -> tuple[Mapping[str, str], ViewerScene]:
    rows = _whole_motions(store, options.frames)
    batch, names = store.read(rows, images=False), store.name_frames(rows)
    estimated = list(store.skeleton.estimated)
    scene = _alone(
        batch.pose_cm[:, estimated].numpy(), names.frame_number.tolist(), list(names.motion), list(names.category)
    )
    facts = {"skeleton": store.skeleton.name, "rig": store.rig.name, "images": f"{store.image_px} px"}
    return _facts(facts, len(rows), len(store)), ViewerScene(
        **scene,
        skeleton=store.skeleton,
        images=_images(store, rows),
        visibility=batch.visibility[:, :, estimated].numpy(),
        reference="truth",
    )


def _whole_motions(store: FrameStore, frames: int) -> list[int]:
    """Rows of motions that are evenly spread over a store, in order; part of one if it is longer than ``frames``."""
    names = store.name_frames(range(len(store)))
    motions: dict[tuple[str, str, str], list[int]] = {}
    for row in np.argsort(names.frame_number, kind="stable").tolist():
        motions.setdefault((names.category[row], names.subject[row], names.motion[row]), []).append(row)
    parts = list(motions.values())
    order: list[int] = []
    for number in range(len(parts), 0, -1):
        order = [*evenly(number, len(parts))]
        if sum(len(parts[k]) for k in order) <= frames:
            break
    return [row for k in order for row in parts[k]][:frames]


def _images(store: FrameStore, rows: Sequence[int]) -> np.ndarray:
    images = [reduced(store.read(rows[k : k + BATCH]).images) for k in range(0, len(rows), BATCH)]
    store.close()
    return np.concatenate(images)


def _alone(pose_cm: Float[np.ndarray, "n j 3"], numbers: list[int], motion: list[str], category: list[str]) -> dict:
    """The part of a scene that shows one pose per frame and compares it with nothing."""
    return {
        "motion": motion,
        "category": category,
        "frame_number": numbers,
        "heatmaps": None,
        "truth_cm": pose_cm,
        "estimates_cm": {},
        "title": "Poses in 3D",
    }


def _facts(facts: Mapping[str, str], number: int, of: int) -> dict[str, str]:
    frames = f"all {of}" if number == of else f"{number} of {of}"
    return {**facts, "frames": frames, "page made by": f"egotap {egotap_pl.__version__}"}
