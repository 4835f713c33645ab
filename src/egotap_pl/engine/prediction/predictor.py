"""The network of a checkpoint, which estimates poses."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Float32, UInt8
from PIL import Image
from torch import Tensor

from egotap_pl.core.batch import Batch, Heatmaps
from egotap_pl.core.camera import StereoRig
from egotap_pl.core.errors import EgotapError
from egotap_pl.core.messages import say
from egotap_pl.core.skeleton import Skeleton
from egotap_pl.data.recordings.frames import StereoBatch, StereoInput, StoreFrames, unlabelled, views_of
from egotap_pl.data.recordings.heatmaps import HeatmapFrames
from egotap_pl.data.windows import Window
from egotap_pl.engine.checkpoints.allowlist import with_package
from egotap_pl.engine.checkpoints.files import checkpoint_path
from egotap_pl.engine.checkpoints.loading import About
from egotap_pl.engine.devices.devices import Devices
from egotap_pl.engine.prediction.image_arrays import check_batch_size, image_array
from egotap_pl.engine.prediction.lifting_checkpoints import blind, load_lifting_task, unplaced
from egotap_pl.engine.prediction.streaming import PoseStream
from egotap_pl.tasks import LiftingTask, RefiningTask
from egotap_pl.tasks.heatmap_sources import TrueHeatmaps


class Predictor:
    """The network of a checkpoint, from images to poses.

    Args:
        task: a trained lifter with its estimators.
        about: the checkpoint's description of itself.
        checkpoint: the file.
        devices: the device that it runs on.

    >>> predictor = Predictor.load("runs/table2/grid_vit_pu/egosynth/seed=3")
    >>> images = np.zeros((5, 2, 3, 64, 64), np.uint8)
    >>> predictor(images).shape, predictor.skeleton.estimated_names[:2]
    ((5, 16, 3), ('head', 'neck_01'))
    """

    def __init__(self, task: LiftingTask, about: About, checkpoint: Path, devices: Devices) -> None:
        self.about, self.checkpoint, self.fabric = about, checkpoint, devices.fabric()
        self.window = Window.parse(about.data)
        self.task = task.eval()
        devices.acceleration.apply(self.task, devices.torch_device)
        self._model = self.fabric.setup_module(self.task)
        self._model.eval()
        self._rig = self._own_rig = getattr(self.task.lifter, "rig", None)

    @classmethod
    def load(
        cls,
        checkpoint: Path | str,
        device: str = "cpu",
        precision: str = "32-true",
        trust: Sequence[str] = (),
    ) -> Predictor:
        """The network of a checkpoint.

        Args:
            checkpoint: a file, a run's folder, whose best checkpoint is used, a name, or an address (docs/commands.md).
            device: ``cpu``, ``gpu``, or ``auto``: a GPU if there is one.
            precision: Lightning's name for the precision: ``32-true``, or on GPUs also ``16-mixed``.
            trust: packages of your own whose classes the checkpoint names, e.g. ``["my_idea"]``.

        Raises:
            EgotapError: if the file is not a checkpoint of a lifter, or names a class that is not trusted, or there is
                no such device.
        """
        devices = Devices.single(device, precision)
        path = checkpoint_path(checkpoint)
        return cls(*load_lifting_task(path, with_package(trust)), path, devices)

    @property
    def skeleton(self) -> Skeleton:
        """The skeleton. Poses have the joints `Skeleton.estimated_names`."""
        return self.task.skeleton

    @property
    def image_px(self) -> int:
        """Height and width of the images that the network was trained on."""
        return self.task.heatmaps.image_px

    @property
    def heatmap_px(self) -> int:
        """Height and width of the heatmaps that the lifter reads."""
        return self.task.heatmaps.heatmap_px

    def __call__(
        self,
        images: UInt8[np.ndarray, "n v 3 h w"] | UInt8[Tensor, "n v 3 h w"],
        batch_size: int = 32,
        stream: PoseStream | None = None,
    ) -> Float32[np.ndarray, "n j 3"]:
        """Poses in cm, in the left camera's axes, relative to the origin of the data set that the network learnt from.

        A network that projects poses into the views does so with the cameras of its training, or those of `use_rig`.
        One that reads earlier frames takes the images as frames of one recording, in their order.

        Args:
            images: RGB bytes of square fisheye images, the left view first, as a NumPy array or a tensor with the axes
                (frame, view, channel, height, width). If they are not `image_px` high and wide, they are resized as
                `egotap predict` does.
            batch_size: number of frames that are estimated at a time.
            stream: what `stream` gave, if these are the next frames of the recording of an earlier call; None: a
                recording of its own.

        Raises:
            EgotapError: if the network has no estimators or reads the true origin, the images have another type or
                shape, or are not square, or the stream is not this network's.
        """
        images = image_array(images)
        check_batch_size(batch_size)
        if stream is None:
            stream = self.stream()
        elif not isinstance(stream, PoseStream) or stream.task is not self.task:
            raise EgotapError(
                "stream: must be what stream() of this predictor gave: recording = predictor.stream(), then "
                "predictor(images, stream=recording)"
            )
        self._set_rig(self._rig)
        poses = [self.estimate(batch, stream) for batch in self._batches(images, batch_size, stream.frames)]
        joints = len(self.skeleton.estimated)
        return torch.cat(poses).numpy() if poses else np.empty((0, joints, 3), np.float32)

    @property
    def origin_input(self) -> bool:
        """Whether the network has to be given the true origin of the poses."""
        return "origin_cm" in self.task.input_names

    def use_rig(self, rig: StereoRig) -> None:
        """Take images to be from these cameras, whose square frames they fill, unless a recording has its own.

        Most networks do without cameras.
        """
        self._rig = rig
        self._set_rig(rig)

    def heatmaps(
        self, images: UInt8[np.ndarray, "n v 3 h w"] | UInt8[Tensor, "n v 3 h w"], batch_size: int = 32
    ) -> Heatmaps:
        """The estimated heatmaps of images, as the lifter reads them.

        Args:
            images: see `__call__`.
            batch_size: see `__call__`.

        Raises:
            EgotapError: see `__call__`; also if the lifter reads no heatmaps.
        """
        if not self.task.reads_heatmaps:
            raise EgotapError(f"{self.checkpoint} has no heatmaps: its lifter reads images")
        images = image_array(images)
        check_batch_size(batch_size)
        count, px = self.skeleton.num_heatmap_joints, self.heatmap_px
        joint, limb = torch.empty(len(images), 2, count, px, px), torch.empty(len(images), 2, count, 2, px, px)
        with torch.inference_mode():
            for stereo in self._batches(images, batch_size):
                maps = self._maps(self.fabric.to_device(stereo.batch))
                joint[stereo.batch.frame], limb[stereo.batch.frame] = (values.float().cpu() for values in maps)
        return Heatmaps(joint, limb)

    def stream(self) -> PoseStream:
        """A new recording, for calls with its frames in their order.

        Examples:
            >>> predictor = Predictor.load("runs/table2/grid_vit_pu/egosynth/seed=3")
            >>> recording, camera = predictor.stream(), np.zeros((5, 1, 2, 3, 64, 64), np.uint8)
            >>> [predictor(frame, stream=recording).shape for frame in camera][-1], recording.frames
            ((1, 16, 3), 5)
        """
        return PoseStream(self.task, self.window)

    def estimate(self, stereo: StereoBatch, stream: PoseStream | None = None) -> Tensor:
        """Poses of a batch in cm, on the CPU; see `estimate_with_heatmaps`."""
        return self.estimate_with_heatmaps(stereo, stream)[0]

    def estimate_with_heatmaps(
        self, stereo: StereoBatch, stream: PoseStream | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """Poses of a batch in cm, on the CPU, and the joint heatmaps that they were lifted from, on the device.

        There are no heatmaps if the lifter reads none.

        Args:
            stereo: the frames.
            stream: the recording whose next frames they are (`stream`); None: one that begins here.

        Raises:
            EgotapError: if a pose is not finite.
        """
        batch = self.fabric.to_device(stereo.batch)
        stream = stream or self.stream()
        with torch.inference_mode():
            heatmaps = self._maps(batch) if self.task.reads_heatmaps else None
            pose_cm = self._lifted(batch._replace(heatmaps=heatmaps), stereo, stream).float().cpu()
        if not pose_cm.isfinite().all():
            first = int((~pose_cm.isfinite()).flatten(1).any(1).nonzero()[0])
            raise EgotapError(
                f"the pose of frame {int(stereo.batch.frame[first])} is not a finite number: either the frame or the "
                "checkpoint is damaged, or trainer.precision is too low"
            )
        return pose_cm, None if heatmaps is None else heatmaps.joint.float()

    def origin_cm(self, stereo: StereoBatch) -> Float[Tensor, "b 3"] | None:
        """The origin of the poses of a batch in the left camera's frame, on the CPU; None if nobody knows.

        It is estimated if the network does so, or else the true one, if the input has it.
        """
        if isinstance(self.task, RefiningTask):
            with torch.inference_mode(), self.fabric.autocast():
                return self.task.estimate(self.fabric.to_device(stereo.batch)).origin_cm.float().cpu()
        origin_cm = stereo.batch.origin_cm[:, 0]
        return origin_cm if bool(origin_cm.isfinite().any()) else None

    def _maps(self, batch: Batch) -> Heatmaps:
        with self.fabric.autocast():
            return self.task.heatmaps.as_read(self.task.maps(batch))  # those of one's own estimator, too

    def _lifted(self, batch: Batch, stereo: StereoBatch, stream: PoseStream) -> Tensor:
        if not self.task.reads_past:
            stream.frames += len(batch.frame)
            poses: Tensor = self._model(batch)
            return poses
        motion = stereo.motion or ("",) * len(batch.frame)
        with self.fabric.autocast():
            return stream.poses_cm(batch, motion, stereo.number or stereo.batch.frame.tolist())

    def confidence(self, joint_heatmaps: Float[Tensor, "b v m h w"]) -> Float[Tensor, "b j"]:
        """For each estimated joint the highest peak of its heatmaps in all views: near 1 if a view shows it clearly.

        A root that is estimated, such as UnrealEgo's head, has no heatmap: NaN.
        """
        peaks = joint_heatmaps.amax((-2, -1)).amax(1)
        root = torch.full_like(peaks[:, :1], torch.nan)
        return torch.cat((root, peaks), 1)[:, list(self.skeleton.estimated)].cpu()

    def expected_error_cm(
        self, pose_cm: Float[Tensor, "b j 3"], joint_heatmaps: Float[Tensor, "b v m h w"]
    ) -> Float[Tensor, "b j"] | None:
        """The error that the network expects of each joint, on the CPU; None if it does not estimate its errors.

        Args:
            pose_cm: its poses; see `estimate_with_heatmaps`.
            joint_heatmaps: the joint heatmaps that they were lifted from.
        """
        if self.task.doubt is None:
            return None
        with torch.inference_mode():
            errors_cm: Tensor = self.task.doubt(pose_cm.to(joint_heatmaps.device), joint_heatmaps).float().cpu()
        return errors_cm

    def check_source(self, frames: StereoInput) -> None:
        """Check that the network can read an input.

        Raises:
            EgotapError: if it needs true poses or their origin and the input has none, or reads images and the input
                has heatmaps.
        """
        if isinstance(frames, HeatmapFrames) and "images" in self.task.input_names:
            raise EgotapError(f"{self.checkpoint} reads images, not heatmaps: give images, videos or a frame store")
        if self.origin_input and not isinstance(frames, StoreFrames):
            raise EgotapError(unplaced(self.checkpoint))
        self._set_rig(frames.rig or self._rig)
        if frames.rig is None and self._rig is not None and self._rig == self._own_rig:
            name = self._rig.name
            say(f"the network computes with the cameras of the training data (rig {name}); rig=FILE gives others")
        if not isinstance(self.task.heatmaps, TrueHeatmaps) or isinstance(frames, HeatmapFrames):
            return
        if not isinstance(frames, StoreFrames):
            raise EgotapError(blind(self.checkpoint))
        say(f"{self.checkpoint} has no estimators: its heatmaps are drawn from the true poses of the frame store")

    def _set_rig(self, rig: StereoRig | None) -> None:
        if hasattr(self.task.lifter, "set_rig"):
            self.task.lifter.set_rig(rig)

    def _batches(self, images: UInt8[np.ndarray, "n v 3 h w"], size: int, first: int = 0) -> Iterator[StereoBatch]:
        for k in range(0, len(images), size):
            yield self._batch(images[k : k + size], first + k)

    def _batch(self, images: UInt8[np.ndarray, "n v 3 h w"], first: int = 0) -> StereoBatch:
        if isinstance(self.task.heatmaps, TrueHeatmaps):
            raise EgotapError(blind(self.checkpoint))
        if self.origin_input:
            raise EgotapError(unplaced(self.checkpoint))
        if images.shape[-1] != self.image_px:
            views = [[Image.fromarray(np.moveaxis(view, 0, -1)) for view in frame] for frame in images]
            images = np.stack([views_of(frame, self.image_px) for frame in views])
        # PyTorch takes neither negative strides nor, without a warning, arrays that cannot be written to.
        ours = torch.from_numpy(np.require(images, requirements=("C", "W")))
        batch = unlabelled(ours, self.skeleton.num_joints, first)
        return StereoBatch(batch, ("",) * len(images), (float("nan"),) * len(images))
