"""Writes frame stores as a tree of EgoCap's files, for programs that read those and for tests of our own reader."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int64, UInt8
from PIL import Image
from rich.console import Console

from egotap_pl.core.batch import FRAME_PX
from egotap_pl.core.camera import PolynomialCamera, StereoRig
from egotap_pl.core.errors import EgotapError
from egotap_pl.core.hdf5_writing import hold, new_file
from egotap_pl.core.progress import FrameProgress
from egotap_pl.core.skeleton import egocap
from egotap_pl.data.egocap.files import CALIBRATED_PX, IMAGE_PX
from egotap_pl.data.egocap.tree import (
    CALIBRATIONS,
    DELAY,
    HELD_OUT_SUBJECT,
    POINTS,
    POSES,
    TRAINING,
    crop_left_px,
    held_out_image,
    training_image,
)
from egotap_pl.data.source import SPLITS
from egotap_pl.data.store.paths import store_path
from egotap_pl.data.store.reader import FrameStore

_TRAINING_SUBJECTS = 6
_LEFT_PX = (CALIBRATED_PX[0] - FRAME_PX) // 2
_FRAMES_AT_ONCE = 32
_JPEG_QUALITY = 95

_CALIBRATION = """\
#polynomial coefficients for the DIRECT mapping function (ocam_model.ss in MATLAB). These are used by cam2world

{c2w}

#polynomial coefficients for the inverse mapping function (ocam_model.invpol in MATLAB). These are used by world2cam

{w2c}

#center: "row" and "column", starting from 0 (C convention)

{centre}

#affine parameters "c", "d", "e"

{affine}

#image size: "height" and "width"

{size}

"""


class _Labels(NamedTuple):
    """Labels of n frames in EgoCap's terms."""

    subject: list[int]
    """Number of the person in each frame."""

    frame: Int64[np.ndarray, "n v"]
    """Number of each frame in each camera's own count."""

    points_px: Float64[np.ndarray, "n v j 2"]
    """(u, v) of every joint in each view, px of the 1280 x 1024 frame."""

    pose_mm: Float64[np.ndarray, "n j 3"]
    """Every joint in the left camera's axes, in mm."""


def write_egocap(folder: Path | str, output: Path | str, console: Console | None = None) -> None:
    """Writes the frame stores of a folder of prepared data as a tree of EgoCap's files.

    The store ``train`` becomes the training subjects; its people are named S1 to S6 in turn. EgoCap has one held-out
    sequence for validation and test, so the other stores' frames follow each other in that sequence. Categories,
    motions and visibility have no place in the tree. The square images are in the middle of black images of 640 x 512
    px. Annotations are written last, so that an interrupted tree is not mistaken for a complete one.

    Args:
        folder: folder of the stores ``train`` and ``validation``, ``test`` or both, with EgoCap's skeleton.
        output: folder to make; it must be empty or not exist.
        console: where progress is shown; the standard output by default.

    Raises:
        EgotapError: if the stores contain anything that EgoCap's files cannot, or ``output`` is not empty.
    """
    output = Path(output)
    paths = {split: store_path(folder, split) for split in SPLITS}
    stores = {split: FrameStore(path) for split, path in paths.items() if split == "train" or path.exists()}
    _check(stores, output)
    rig = next(iter(stores.values())).rig
    held_out_stores = [store for split, store in stores.items() if split != "train"]
    with FrameProgress("egocap", sum(map(len, stores.values())), console or Console()) as progress:
        train = _write_training(output, stores["train"], progress)
        held_out = _write_held_out(output, held_out_stores, progress)
    for file, camera in zip(CALIBRATIONS, _polynomial_cameras(rig), strict=True):
        _write_text(output / file, _calibration(camera))
    _write_text(output / POSES, _poses(held_out))
    _write_text(output / POINTS, _points(held_out))
    columns = {
        "pose_2d": train.points_px / CALIBRATED_PX,
        "pose_3d": train.pose_mm * (1.0, 1.0, -1.0),
        "subject_index": np.array(train.subject, np.int64),
        "frame_index": train.frame,
    }
    with new_file(output / TRAINING) as file:
        for name, values in columns.items():
            hold(file.create_dataset(name, data=values))


def _check(stores: Mapping[str, FrameStore], output: Path) -> None:
    if len(stores) < 2:
        raise EgotapError(f"{stores['train'].path.parent} has no validation.h5 or test.h5: an EgoCap tree needs one")
    for store in stores.values():
        if store.skeleton.joints != egocap().joints:
            raise EgotapError(
                f"{store.path} has skeleton {store.skeleton.name!r}: an EgoCap tree holds EgoCap's joints; prepare "
                "data=egosynth_stick"
            )
        if store.labels["origin_cm"].any():
            raise EgotapError(f"{store.path}: poses are not relative to the left camera, as EgoCap's are")
        if store.rig.cameras != next(iter(stores.values())).rig.cameras:
            raise EgotapError(f"{store.path} has other cameras than the other splits")
    _polynomial_cameras(next(iter(stores.values())).rig)
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise EgotapError(f"output={output} already exists: choose a folder that is empty or does not exist")


def _polynomial_cameras(rig: StereoRig) -> list[PolynomialCamera]:
    """The cameras of a rig, if EgoCap's files can describe them."""
    cameras = [camera for camera in rig.cameras if isinstance(camera, PolynomialCamera)]
    if len(cameras) != len(rig.cameras):
        raise EgotapError(f"rig {rig.name!r}: EgoCap's files describe cameras of OCamCalib's polynomial model only")
    for camera in cameras:
        if camera.size_px != (FRAME_PX, FRAME_PX) or crop_left_px(camera.centre_px[0] + _LEFT_PX) != _LEFT_PX:
            raise EgotapError(
                f"rig {rig.name!r}: EgoCap's crop is centred on the camera's axis, but this camera of "
                f"{camera.size_px} px has it at u = {camera.centre_px[0]:.1f} px, more than 1 px off the middle"
            )
    return cameras


def _write_training(output: Path, store: FrameStore, progress: FrameProgress) -> _Labels:
    names = store.name_frames(range(len(store))).subject
    number_of = {name: index % _TRAINING_SUBJECTS + 1 for index, name in enumerate(dict.fromkeys(names))}
    subjects, counts = [number_of[name] for name in names], [0] * (_TRAINING_SUBJECTS + 1)
    frames = []
    for row, images in _images(store):
        subject = subjects[row]
        counts[subject] += 1
        frames.append((counts[subject] + DELAY, counts[subject]))
        _save(output / training_image(subject, 0, frames[-1][0]), images[0])
        _save(output / training_image(subject, 1, frames[-1][1]), images[1], mirrored=True)
        progress.advance(1)
    return _labels([store], subjects, frames)


def _write_held_out(output: Path, stores: Sequence[FrameStore], progress: FrameProgress) -> _Labels:
    frames: list[tuple[int, int]] = []
    for store in stores:
        for _, images in _images(store):
            frames.append((len(frames) + 1 + DELAY, len(frames) + 1))
            for camera, image in enumerate(images):
                _save(output / held_out_image(camera, frames[-1][camera]), image)
            progress.advance(1)
    return _labels(stores, [HELD_OUT_SUBJECT] * len(frames), frames)


def _images(store: FrameStore) -> Iterator[tuple[int, UInt8[np.ndarray, "v 3 h w"]]]:
    for start in range(0, len(store), _FRAMES_AT_ONCE):
        rows = range(start, min(start + _FRAMES_AT_ONCE, len(store)))
        yield from zip(rows, store.read(rows).images.numpy(), strict=True)


def _labels(stores: Sequence[FrameStore], subjects: list[int], frames: list[tuple[int, int]]) -> _Labels:
    def column(name: str) -> Float64[np.ndarray, "..."]:
        return np.concatenate([store.labels[name].double().numpy() for store in stores])

    points = column("points2d_px") + np.array((_LEFT_PX, 0.0))
    return _Labels(subjects, np.array(frames, np.int64), points, column("pose_cm") * 10.0)


def _save(path: Path, square: UInt8[np.ndarray, "3 h w"], mirrored: bool = False) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    side = IMAGE_PX[1]
    image = Image.new("RGB", IMAGE_PX)
    scaled = Image.fromarray(np.ascontiguousarray(square.transpose(1, 2, 0))).resize((side, side), Image.Resampling.BOX)
    image.paste(scaled, (_LEFT_PX * IMAGE_PX[0] // CALIBRATED_PX[0], 0))
    if mirrored:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    image.save(path, "JPEG", quality=_JPEG_QUALITY, subsampling=0)


def _calibration(camera: PolynomialCamera) -> str:
    u, v = camera.centre_px
    return _CALIBRATION.format(
        c2w=_line((len(camera.c2w), *camera.c2w)),
        w2c=_line((len(camera.w2c), *camera.w2c)),
        centre=_line((v, u + _LEFT_PX)),
        affine=_line(camera.affine),
        size=_line(CALIBRATED_PX[::-1]),
    )


def _poses(labels: _Labels) -> str:
    rows = zip(labels.frame[:, 0].tolist(), labels.pose_mm.reshape(len(labels.frame), -1).tolist(), strict=True)
    lines = [f"{number} {' '.join(f'{x:.5f}' for x in row)}" for number, row in rows]
    return "\n".join([f"mddd: frame, then x y z in mm of {len(egocap().joints)} joints", *lines]) + "\n"


def _points(labels: _Labels) -> str:
    """The points of every image at 640 x 512; those of the second camera mirrored, with left joints named right."""
    points_px = labels.points_px.copy()
    points_px[:, 1, :, 0] = CALIBRATED_PX[0] - points_px[:, 1, :, 0]
    points_px[:, 1] = points_px[:, 1][:, list(egocap().mirror)]
    lines: list[str] = []
    for row, (numbers, views) in enumerate(zip(labels.frame.tolist(), points_px / 2.0, strict=True)):
        for camera, points in enumerate(views.tolist()):
            image = f"./images/S{HELD_OUT_SUBJECT}_v003_cam{camera}_frame-{numbers[camera]}.jpg"
            joints = [f"{joint} {x:.5f} {y:.5f}" for joint, (x, y) in enumerate(points)]
            size = (3, IMAGE_PX[1], IMAGE_PX[0], len(joints))
            lines += [f"# {2 * row + camera}", image, *map(str, size), *joints]
    return "\n".join(lines) + "\n"


def _line(numbers: Sequence[float | int]) -> str:
    return " ".join(map(repr, numbers))


def _write_text(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
