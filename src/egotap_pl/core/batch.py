"""What a data set passes to a task: tensors with their axes and units."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import IntEnum
from typing import NamedTuple

import torch
from jaxtyping import Float, Int, Shaped, UInt8
from torch import Tensor

from egotap_pl.core.camera import StereoRig
from egotap_pl.core.skeleton import Skeleton

NUM_VIEWS = 2
"""View 0 is left and view 1 is right, always the wearer's."""

FRAME_PX = 1024
"""2D points are in pixels of a FRAME_PX x FRAME_PX frame, whatever the size of the stored images."""

IMAGENET_MEAN = (0.485, 0.456, 0.406)
"""Mean of ImageNet's RGB values in 0..1, which images are normalised with."""
IMAGENET_STD = (0.229, 0.224, 0.225)
"""Standard deviation of the same."""


class Visibility(IntEnum):
    """How a view sees a joint. UNKNOWN if the data set does not say."""

    UNKNOWN = 0
    VISIBLE = 1
    OCCLUDED = 2
    OUT_OF_VIEW = 3


HUNDREDTHS = 100
"""Estimated heatmaps may be rounded to this fraction (`Heatmaps.rounded`)."""
_LARGEST = 127


class Heatmaps(NamedTuple):
    """The heatmaps that a lifter reads. Joint heatmaps peak at 1; limb heatmaps have a cosine and a sine channel."""

    joint: Shaped[Tensor, "b v j h w"]
    """Of the joints that have heatmaps."""
    limb: Shaped[Tensor, "b v j 2 h w"]
    """Of the limbs from these joints to their parents."""

    def rounded(self) -> Heatmaps:
        """The nearest heatmaps of whole hundredths from -1.27 to 1.27."""
        return Heatmaps(*(_hundredths(maps) / HUNDREDTHS for maps in self))

    def hundredths(self) -> Heatmaps:
        """The same as whole numbers of hundredths, a byte each."""
        return Heatmaps(*(_hundredths(maps).to(torch.int8) for maps in self))

    def floats(self) -> Heatmaps:
        """Of `hundredths`, what `rounded` gives; any others as they are."""
        return Heatmaps(*(maps.float() / HUNDREDTHS if maps.dtype == torch.int8 else maps for maps in self))


def _hundredths(maps: Tensor) -> Tensor:
    return (maps.float() * HUNDREDTHS).round().clamp(-_LARGEST, _LARGEST)


class Batch(NamedTuple):
    """Frames of a data set with their labels."""

    images: UInt8[Tensor, "b v 3 h w"]
    """RGB; 0 x 0 pixels in batches with cached heatmaps."""

    points2d_px: Float[Tensor, "b v j 2"]
    """(u, v) of every joint in each view, px of the 1024 x 1024 frame; NaN where it is not known."""

    pose_cm: Float[Tensor, "b j 3"]
    """Every joint of the skeleton in the left camera's axes (X right, Y down, Z forward), relative to the data set's
    origin (pelvis or camera); NaN where it is not known."""

    origin_cm: Float[Tensor, "b v 3"]
    """That origin in each camera's own frame; zeros where poses are relative to the camera."""

    visibility: UInt8[Tensor, "b v j"]
    """A `Visibility` per view and joint."""

    category: Int[Tensor, "b"]
    """Index into the store's category names."""

    frame: Int[Tensor, "b"]
    """Row of the store."""

    heatmaps: Heatmaps | None = None
    """Cached heatmaps, or None where a task draws or estimates them. A loader may give hundredths (int8), which take a
    quarter of the memory on their way to a device; tasks get floats."""

    past: Past | None = None
    """Earlier frames of the same motions, or None where frames come alone."""

    def on(self, device: torch.device) -> Batch:
        """The same batch on a device. (Not called ``to``: Lightning would call that for every training batch.)"""
        return self.map(lambda column: column.to(device))

    def take(self, rows: Sequence[int]) -> Batch:
        """Some of the frames, in any order."""
        index = list(rows)
        past = None if self.past is None else self.past._replace(position=self.past.position[index])
        return self._replace(past=None).map(lambda column: column[index])._replace(past=past)

    def with_float_heatmaps(self) -> Batch:
        """The batch, with floats for cached heatmaps that are hundredths, those of earlier frames included."""
        if self.heatmaps is None:
            return self
        past = None if self.past is None else self.past._replace(frames=self.past.frames.with_float_heatmaps())
        return self._replace(heatmaps=self.heatmaps.floats(), past=past)

    def map(self, change: Callable[[Tensor], Tensor]) -> Batch:
        """The batch with a function applied to each of its tensors, those of heatmaps and earlier frames included."""
        heatmaps = None if self.heatmaps is None else Heatmaps(*map(change, self.heatmaps))
        past = None if self.past is None else Past(self.past.frames.map(change), change(self.past.position))
        columns = self._replace(heatmaps=None, past=None)._asdict()
        changed = {name: change(value) for name, value in columns.items() if value is not None}
        return Batch(**changed, heatmaps=heatmaps, past=past)


class Past(NamedTuple):
    """The earlier frames of a batch whose frames come in windows. A window's last frame is in the batch itself."""

    frames: Batch
    """Every earlier frame that a window of the batch needs, each once."""

    position: Int[Tensor, "b t"]
    """Position in ``frames`` of each window's earlier frames, the oldest first."""


class DataFacts(NamedTuple):
    """What a task knows of a data set besides its batches; stored in checkpoints."""

    skeleton: Skeleton
    """The joints of the poses."""

    categories: tuple[str, ...]
    """Names of the motion categories that `Batch.category` indexes."""

    mean_pose_cm: Float[Tensor, "j 3"]
    """Mean of the training poses, estimated joints only. It is finite, also for joints that are never known."""

    rig: StereoRig | None = None
    """The two cameras, whose square frames the images fill; None: not known."""

    mean_origin_cm: Float[Tensor, "3"] | None = None
    """Mean of the training poses' origins in the left camera's frame; None: not known."""
