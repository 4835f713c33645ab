"""What travels from a data set to a task, with its axes and units."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from egotap_pl.core.skeleton import Skeleton

FRAME_PX = 1024
"""2D points are pixels of a FRAME_PX x FRAME_PX frame, whatever the stored image's size."""

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


class Visibility(IntEnum):
    """How a view sees a joint. UNKNOWN where a data set does not say."""

    UNKNOWN = 0
    VISIBLE = 1
    OCCLUDED = 2
    OUT_OF_VIEW = 3


class Batch(NamedTuple):
    """Frames of a data set, as a frame store gives them.

    Fields:
        images: RGB.
        points2d_px: (u, v) of every joint in each view, px of the 1024 x 1024 frame.
        pose_cm: every joint of the skeleton, in the left camera's axes (X right, Y down, Z forward), relative to the
            data set's origin (pelvis or camera).
        origin_cm: that origin in each camera's own frame (zeros where poses are camera-relative).
        visibility: a `Visibility` per view and joint.
        category: index into the store's category names.
        frame: row of the store.
    """

    images: UInt8[Tensor, "b v 3 h w"]
    points2d_px: Float[Tensor, "b v j 2"]
    pose_cm: Float[Tensor, "b j 3"]
    origin_cm: Float[Tensor, "b v 3"]
    visibility: UInt8[Tensor, "b v j"]
    category: Int[Tensor, "b"]
    frame: Int[Tensor, "b"]

    def on(self, device: torch.device) -> Batch:
        """The same on a device. (Not called ``to``: Lightning would call that for every training batch.)"""
        return Batch(*(column.to(device) for column in self))


class Heatmaps(NamedTuple):
    """The maps that a lifter reads. Peak 1; limb maps have a cosine and a sine channel."""

    joint: Float[Tensor, "b v j h w"]
    limb: Float[Tensor, "b v j 2 h w"]


class Example(NamedTuple):
    """What a data loader gives: frames, and their heatmaps where these were kept (the images then are 0 x 0)."""

    batch: Batch
    heatmaps: Heatmaps | None


class DataFacts(NamedTuple):
    """What a task may know of a data set beside its batches; it travels in checkpoints.

    Fields:
        skeleton: the poses' joints.
        categories: names of the motion categories that `Batch.category` counts.
        mean_pose_cm: mean of the training poses, estimated joints only.
    """

    skeleton: Skeleton
    categories: tuple[str, ...]
    mean_pose_cm: Float[Tensor, "j 3"]
