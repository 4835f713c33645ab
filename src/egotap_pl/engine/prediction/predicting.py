"""Estimates the poses of a recording or a frame store, and writes them to files."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from torch import Tensor

from egotap_pl.core.batch import FRAME_PX
from egotap_pl.core.errors import EgotapError
from egotap_pl.core.messages import PROGRESS, say
from egotap_pl.core.progress import FrameProgress
from egotap_pl.core.skeleton import CAMERA_JOINT
from egotap_pl.data.recordings.crop import Crop
from egotap_pl.data.recordings.frames import StereoBatch, StereoInput, StoreFrames, ahead
from egotap_pl.data.recordings.gaps import Gaps
from egotap_pl.data.recordings.heatmaps import HeatmapFrames
from egotap_pl.data.recordings.inputs import open_input
from egotap_pl.engine.datasets import check_split
from egotap_pl.engine.devices.choice import check_whole
from egotap_pl.engine.prediction.device_form import DeviceForm, device_form
from egotap_pl.engine.prediction.input_pictures import Album
from egotap_pl.engine.prediction.lifting_checkpoints import origin_of
from egotap_pl.engine.prediction.overlay import check_overlay, overlay_video
from egotap_pl.engine.prediction.pose_files import check_output, pose_writer
from egotap_pl.engine.prediction.pose_writer import DEFAULT_FPS
from egotap_pl.engine.prediction.predictor import Predictor
from egotap_pl.figures.projection import ProjectedPose, project_poses

_OTHER_CAMERAS_PX = 30.0  # two headsets of a kind differ by a few px of 1024; other lenses or places by a hundred


@dataclass(frozen=True)
class PredictOptions:
    """How `predict` reads its input, and what it writes besides poses."""

    split: str = "test"
    """Of prepared data: ``train``, ``validation`` or ``test``."""

    crop: Crop = field(default_factory=Crop)
    """The square to cut out of each view of a recording."""

    frames: int | None = None
    """Number of frames to read, from the first; None: all."""

    pair: str | None = None
    """Which frames of two videos belong together: ``number`` or ``time``; None: what the videos suggest."""

    on_error: str = "raise"
    """What to do about frames that cannot be read: ``raise`` or ``skip``."""

    pictures: int = 0
    """Number of frames, evenly spread, to draw into a PNG beside the output."""

    overlay: Path | None = None
    """Video to write of both views with the peaks of their joint heatmaps; None: none."""

    fps: float | int | None = None
    """Frames per second of BVH and of the overlay; None: those of the video, or 30."""

    batch_size: int | None = None
    """Number of frames that are estimated at a time; None: as in training."""

    workers: int = 0
    """Threads that decode images."""

    def __post_init__(self) -> None:
        numbers = {"frames": self.frames, "batch_size": self.batch_size, "pictures": self.pictures}
        for key, value in numbers.items():
            least = 0 if key == "pictures" else 1
            if value is None and least:
                continue
            check_whole(key, value, least)
        if self.fps is not None and not (isinstance(self.fps, (int, float)) and 0 < self.fps < 100_000):
            raise EgotapError(f"fps={self.fps}: must be a number of frames per second, more than 0")
        check_split(self.split)


@dataclass(frozen=True)
class PredictResult:
    """The files that `predict` wrote."""

    frames: int
    """Number of frames for which poses were estimated."""

    output: Path
    """The file of poses."""

    pictures: Path | None
    """Pictures of some of the frames, or None."""

    overlay: Path | None = None
    """A video of the peaks of the joint heatmaps, or None."""

    skipped: tuple[int, ...] = ()
    """Numbers of the frames that could not be read."""


class Interrupted(KeyboardInterrupt):
    """Ctrl-C while poses were estimated. The message says after how many frames."""


def predict(
    predictor: Predictor, paths: Sequence[Path], output: Path, options: PredictOptions | None = None
) -> PredictResult:
    """Estimate the poses of an input and write them to a file.

    Args:
        predictor: the network.
        paths: the input; see `egotap_pl.data.recordings.inputs.open_input`.
        output: the file to write: .h5 (.hdf5), .csv, .npz, .bvh or .zip.
        options: how the input is read, and what is written besides.

    Raises:
        EgotapError: if the input is missing or damaged, or the output is one of the input's files.
    """
    options = options or PredictOptions()
    check_output(output)
    if options.overlay is not None:
        check_overlay(options.overlay)
    _check_distinct(output, options, paths)
    gaps = Gaps.parse(options.on_error)
    threads, skeleton, image_px = options.workers, predictor.skeleton, predictor.image_px
    recording = open_input(
        paths,
        options.split,
        skeleton,
        image_px,
        threads,
        options.frames,
        pair=options.pair,
        gaps=gaps,
        heatmap_px=predictor.heatmap_px,
        crop=options.crop,
    )
    predictor.check_source(recording)
    _warn_of_other_cameras(predictor, recording)
    form = device_form(predictor.about, recording, str(output)) if output.suffix.lower() == ".zip" else None
    _check_distinct(output, options, getattr(recording, "paths", ()))  # what was found in a folder
    if (options.pictures or options.overlay) and isinstance(recording, HeatmapFrames):
        raise EgotapError(f"pictures and overlay need images, but {paths[0]} has heatmaps")
    album = Album(predictor.skeleton, recording, options.pictures)
    count = _write_poses(predictor, recording, ", ".join(map(str, paths)), output, options, album, form)
    pictures = None
    if album.estimates:
        pictures = output.with_suffix(".png")
        album.write(pictures)
    return PredictResult(count, output, pictures, options.overlay, tuple(sorted(gaps.reasons)))


def _write_poses(
    predictor: Predictor,
    recording: StereoInput,
    input_names: str,
    output: Path,
    options: PredictOptions,
    album: Album,
    form: DeviceForm | None,
) -> int:
    """Estimate and write all frames; returns their number.

    Raises:
        Interrupted: on Ctrl-C.
    """
    count, draws = 0, bool(options.pictures or options.overlay)
    if draws:
        _say_what_is_drawn(recording, predictor)
    batches = ahead(recording.batches(options.batch_size or predictor.about.batch_size))
    origin = origin_of(predictor.checkpoint, predictor.about)
    fps, stream = float(options.fps or recording.rate or DEFAULT_FPS), predictor.stream()
    try:
        with ExitStack() as stack:
            writer = stack.enter_context(pose_writer(output, origin, input_names, fps, form))
            progress = stack.enter_context(FrameProgress("poses", recording.frames, PROGRESS))
            overlay = None
            if options.overlay is not None:
                overlay = stack.enter_context(overlay_video(options.overlay, predictor.skeleton, fps))
            for stereo in batches:
                pose_cm, joint_heatmaps = predictor.estimate_with_heatmaps(stereo, stream)
                confidence = np.full(pose_cm.shape[:2], np.nan, np.float32)
                doubt = None
                if joint_heatmaps is not None:
                    confidence = predictor.confidence(joint_heatmaps).numpy()
                    doubt = predictor.expected_error_cm(pose_cm, joint_heatmaps)
                writer.append(
                    pose_cm.numpy(),
                    stereo.batch.frame.tolist(),
                    stereo.name,
                    stereo.time_s,
                    confidence,
                    None if doubt is None else doubt.numpy(),
                )
                poses = _projected(predictor, recording, stereo, pose_cm, joint_heatmaps) if draws else None
                album.add(stereo, pose_cm, joint_heatmaps, poses)
                if overlay is not None:
                    overlay.add(stereo, joint_heatmaps, poses)
                count += len(pose_cm)
                progress.advance(len(pose_cm))
            if not count:
                reasons = list(recording.gaps.reasons.values())
                raise EgotapError(f"{input_names}: no frames" + (f" that can be read: {reasons[0]}" if reasons else ""))
    except KeyboardInterrupt as interruption:
        raise Interrupted(f"interrupted after {count} frames; {output} was not written") from interruption
    return count


def _projected(
    predictor: Predictor, recording: StereoInput, stereo: StereoBatch, pose_cm: Tensor, joint_heatmaps: Tensor | None
) -> list[ProjectedPose] | None:
    """The poses of a batch in both views; None if the cameras are not known, or nobody knows where the poses are."""
    if recording.rig is None:
        return None
    origin_cm, maps = predictor.origin_cm(stereo), None if joint_heatmaps is None else joint_heatmaps.cpu()
    if maps is None and origin_cm is None:
        return None
    return project_poses(pose_cm, maps, predictor.skeleton, recording.rig, origin_cm)


def _warn_of_other_cameras(predictor: Predictor, recording: StereoInput) -> None:
    """Warns if the input's cameras are not those of the training. Two calibrations of a headset differ a little."""
    trained = predictor.about.facts().rig
    if recording.rig is None or trained is None:
        return
    apart_px = recording.rig.distance_px(trained)
    if apart_px > _OTHER_CAMERAS_PX:
        say(
            f"warning: {predictor.checkpoint} was trained for other cameras (rig {trained.name}) than these (rig "
            f"{recording.rig.name}): they see the same point {apart_px:.0f} px apart on average, in frames of "
            f"{FRAME_PX} px. Expect wrong poses. Train for your cameras (docs/own-headset.md), or correct the rig"
        )


def _say_what_is_drawn(recording: StereoInput, predictor: Predictor) -> None:
    if not predictor.task.reads_heatmaps:
        if recording.rig is None:
            say("the pose is not drawn into the views, because their cameras are not known; rig=FILE draws it")
    elif recording.rig is None:
        say("only the peaks of the heatmaps are drawn into the views; rig=FILE draws the pose, too")
    elif CAMERA_JOINT not in predictor.skeleton.joints and not isinstance(recording, StoreFrames):
        say(
            "the pose is drawn where it is nearest to the peaks of the heatmaps, because the network does not estimate "
            "where its origin is"
        )


def _check_distinct(output: Path, options: PredictOptions, inputs: Sequence[Path]) -> None:
    pictures = output.with_suffix(".png") if options.pictures else None
    read = {path.resolve() for path in inputs}
    for key, file in (("output", output), ("overlay", options.overlay), ("pictures beside output", pictures)):
        if file is not None and file.resolve() in read:
            raise EgotapError(f"{key}={file}: is an input, which would be overwritten; give another name")
