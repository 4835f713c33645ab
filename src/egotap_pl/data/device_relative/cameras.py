"""The rig of a data set: its cameras from files of calibration, and their place to each other from labelled frames."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from egotap_pl.core.batch import FRAME_PX
from egotap_pl.core.camera import Camera, StereoRig
from egotap_pl.core.errors import EgotapError
from egotap_pl.data.calibration import load_rig, read_camera
from egotap_pl.data.calibration.transform import Transform
from egotap_pl.data.device_relative.dataset import Dataset
from egotap_pl.data.device_relative.device import rigid_fit
from egotap_pl.data.device_relative.labels import Labels

Calibration = Path | str | Sequence[Path | str]
"""A folder with a file for each camera, a file for both, or two files."""

_PARALLEL = 1e-4  # rotations nearer to none than this are none, because json files are rounded
_DIGITS_CM, _DIGITS = 3, 6  # so that the rig does not depend on the last digits of a machine's arithmetic


def load_cameras(dataset: Dataset, calibration: Calibration | None) -> tuple[Camera, Camera]:
    """Both cameras, scaled to frames of 1024 x 1024 px.

    Args:
        dataset: the data set, whose frames have a size of their own.
        calibration: a folder with ``<camera>.json`` for each camera, a file for both cameras, or a file for each; None:
            the data set's published camera.

    Raises:
        EgotapError: if a file is missing or not a calibration, or is of frames of another size.
    """
    if calibration is None:
        if dataset.camera is None:
            raise EgotapError(f"{dataset.title} needs its cameras' calibration: give data.calibration=DIR")
        return (_scaled(dataset.camera, dataset), _scaled(dataset.camera, dataset))
    if isinstance(calibration, (str, Path)):
        place = Path(calibration).expanduser()
        files = [place / f"{camera}.json" for camera in dataset.cameras] if place.is_dir() else [place, place]
    else:
        files = [Path(file).expanduser() for file in calibration]
    if len(files) != 2:
        raise EgotapError(f"data.calibration names {len(files)} files: give one for each camera, [LEFT,RIGHT]")
    for file in files:
        if not file.is_file():
            raise EgotapError(
                f"{file}: no such file; data.calibration must be the folder with the calibration of "
                f"{dataset.title}'s cameras, {dataset.cameras[0]}.json and {dataset.cameras[1]}.json, or the two files"
            )
    left, right = (_checked(file, dataset) for file in files)
    return (left, right)


def load_own_rig(dataset: Dataset, path: Path | str) -> StereoRig:
    """The rig of a rig file, scaled to frames of 1024 x 1024 px.

    Raises:
        EgotapError: see `load_rig`; also if its cameras have frames of another size than the data set.
    """
    rig = load_rig(path)
    left, right = (_scaled(_of_size(camera, dataset, str(path)), dataset) for camera in rig.cameras)
    return StereoRig(rig.name, (left, right), rig.rotation, rig.translation_cm)


def measured_transform(frames: Iterable[Labels]) -> Transform | None:
    """The transform from the left camera to the right one that labelled frames agree on; None without any frame."""
    views = [labels.points_cm for labels in frames]
    if not views:
        return None
    left, right = (np.concatenate([points[view] for points in views]) for view in range(2))
    rotation, translation_cm = rigid_fit(left, right)
    if np.abs(rotation - np.eye(3)).max() < _PARALLEL:
        baselines_cm = [np.median(points[1] - points[0], axis=0) for points in views]
        return Transform(np.eye(3), np.median(baselines_cm, axis=0).round(_DIGITS_CM))
    return Transform(rotation.round(_DIGITS), translation_cm.round(_DIGITS_CM))


def nominal_transform(dataset: Dataset) -> Transform:
    """The transform that is published, for a data set of which no file at hand says it.

    Raises:
        EgotapError: if it is not.
    """
    if dataset.nominal_baseline_cm is None:
        raise EgotapError(
            f"{dataset.title}: none of the first frames has its joints in both cameras' frames, so that nothing says "
            "how the cameras are to each other: give rig=FILE, a rig file (docs/cameras.md)"
        )
    return Transform(np.eye(3), np.array([dataset.nominal_baseline_cm, 0.0, 0.0]))


def _checked(file: Path, dataset: Dataset) -> Camera:
    return _scaled(_of_size(read_camera(file), dataset, str(file)), dataset)


def _of_size(camera: Camera, dataset: Dataset, place: str) -> Camera:
    if camera.size_px != (dataset.frame_px, dataset.frame_px):
        raise EgotapError(
            f"{place}: a camera of {camera.size_px[0]} x {camera.size_px[1]} px, but {dataset.title} has frames of "
            f"{dataset.frame_px} x {dataset.frame_px} px"
        )
    return camera


def _scaled(camera: Camera, dataset: Dataset) -> Camera:
    return camera if dataset.frame_px == FRAME_PX else camera.cropped(0, 0, dataset.frame_px, FRAME_PX)
