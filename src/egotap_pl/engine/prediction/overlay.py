"""A video of what the network saw, with the joints where its heatmaps have their peaks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image, ImageColor, ImageDraw
from torch import Tensor

from egotap_pl.core.atomic import atomic
from egotap_pl.core.errors import EgotapError
from egotap_pl.core.skeleton import Skeleton
from egotap_pl.data.recordings.frames import StereoBatch
from egotap_pl.figures.estimates import FAINTEST, heatmap_peaks
from egotap_pl.figures.projection import POSE_COLOUR, ProjectedPose
from egotap_pl.figures.style import ORANGE

_LEAST_SIDE_PX = 384
"""Smaller views are enlarged."""
_MOST_DENOMINATOR = 1001
"""Of frame rates: 29.97 is 30000/1001."""
_LEAST_RATE = 0.001
"""Frames per second. FFmpeg's encoders refuse a time between frames that is too long for their numbers."""
_ENCODERS = {"libx264": {"crf": "20"}, "mpeg4": {"qscale": "3"}}
"""Encoders of MP4 with their options. The second is in every build of FFmpeg."""


class Overlay:
    """Draws frames into an open video; see `overlay_video`.

    Args:
        container: PyAV's container.
        skeleton: the skeleton of the heatmaps.
        rate: frames per second.
    """

    def __init__(self, container: Any, skeleton: Skeleton, rate: Fraction) -> None:
        self._container, self.skeleton, self.rate = container, skeleton, rate
        self._stream: Any = None
        self._first = 0

    def add(
        self,
        stereo: StereoBatch,
        joint_heatmaps: Float[Tensor, "b v m h w"] | None,
        poses: Sequence[ProjectedPose] | None = None,
    ) -> None:
        """Draw the frames of a batch. A frame is shown until the next one; skipped frames therefore look frozen.

        Args:
            stereo: the batch.
            joint_heatmaps: its joint heatmaps; None: there are none.
            poses: the pose of each frame in both views; None: only peaks are drawn.
        """
        import av

        maps = None if joint_heatmaps is None else joint_heatmaps.cpu().numpy()
        for k, (images, number) in enumerate(zip(stereo.batch.images, stereo.batch.frame, strict=True)):
            views = [
                view_with_peaks(image, None if maps is None else maps[k, side], self.skeleton)
                for side, image in enumerate(images.numpy())
            ]
            if poses is not None:
                views = [view_with_pose(view, poses[k], side, self.skeleton) for side, view in enumerate(views)]
            picture = np.concatenate([np.asarray(view) for view in views], 1)
            if self._stream is None:
                self._open(int(number), picture.shape[1], picture.shape[0])
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = int(number) - self._first, 1 / self.rate
            self._container.mux(self._stream.encode(frame))

    def finish(self) -> None:
        """Write what the encoder still holds."""
        if self._stream is not None:
            self._container.mux(self._stream.encode())

    def _open(self, first: int, width: int, height: int) -> None:
        import av

        codec = next(name for name in _ENCODERS if name in av.codecs_available)
        self._first = first
        self._stream = self._container.add_stream(codec, rate=self.rate, options=_ENCODERS[codec])
        self._stream.width, self._stream.height, self._stream.pix_fmt = width, height, "yuv420p"
        self._stream.codec_context.time_base = 1 / self.rate


@contextmanager
def overlay_video(path: Path, skeleton: Skeleton, fps: float) -> Iterator[Overlay]:
    """An MP4 that appears under its name only if the block succeeds.

    Args:
        path: the file.
        skeleton: the skeleton of the heatmaps.
        fps: frames per second.

    Raises:
        EgotapError: if PyAV is not installed, or the frame rate is too low.
    """
    try:
        import av
    except ImportError as error:
        raise EgotapError(f"overlay={path}: writing a video needs PyAV: pip install 'egotap-pl[video]'") from error
    path.parent.mkdir(parents=True, exist_ok=True)
    rate = video_rate(fps)
    with atomic(path) as temporary, av.open(str(temporary), "w", format="mp4") as container:
        overlay = Overlay(container, skeleton, rate)
        yield overlay
        overlay.finish()


def video_rate(fps: float) -> Fraction:
    """A frame rate as a fraction that videos can have.

    Raises:
        EgotapError: if it is too low for encoders.

    >>> video_rate(29.97), video_rate(0.0016)
    (Fraction(2997, 100), Fraction(1, 625))
    """
    if fps < _LEAST_RATE:
        raise EgotapError(f"fps={fps}: a video has at least {_LEAST_RATE} frames per second; leave out overlay")
    if fps < 1:
        return 1 / Fraction(1 / fps).limit_denominator(_MOST_DENOMINATOR)
    return Fraction(fps).limit_denominator(_MOST_DENOMINATOR)


def check_overlay(path: Path) -> None:
    """Check that an overlay can be written to a path.

    Raises:
        EgotapError: if it is a folder, or does not end in .mp4.
    """
    if path.suffix.lower() != ".mp4" or path.is_dir():
        raise EgotapError(f"overlay={path}: must be a file that ends in .mp4")


def view_with_peaks(
    image: UInt8[np.ndarray, "3 h w"], heatmaps: Float[np.ndarray, "m h2 w2"] | None, skeleton: Skeleton
) -> Image.Image:
    """A view with joints at the peaks of its heatmaps, and limbs between them, as opaque as the peaks are high.

    Args:
        image: RGB, as wide as high.
        heatmaps: one per joint 1, 2, ... of the skeleton, peak 1. The root has none, so that its limbs are not drawn.
            None: only the view is drawn.
        skeleton: the skeleton of these joints.
    """
    side = image.shape[-1]
    side *= max(1, -(-_LEAST_SIDE_PX // side))
    side += side % 2  # encoders want even numbers
    view = Image.fromarray(np.ascontiguousarray(image.transpose(1, 2, 0))).resize((side, side))
    if heatmaps is None:
        return view
    view = view.convert("RGBA")
    drawn = Image.new("RGBA", view.size)
    pen, colour = ImageDraw.Draw(drawn), ImageColor.getrgb(ORANGE)[:3]
    places, heights = heatmap_peaks(heatmaps)
    opacity = np.round(255 * heights.clip(FAINTEST, 1)).astype(int).tolist()
    points = [(float(u), float(v)) for u, v in places * side]
    width, radius = max(2, side // 190), max(3, side // 110)
    for child, parent in skeleton.limbs:
        if parent != 0:
            ends = (child - 1, parent - 1)
            pen.line([points[k] for k in ends], (*colour, min(opacity[k] for k in ends)), width)
    for (u, v), opaque in zip(points, opacity, strict=True):
        pen.ellipse((u - radius, v - radius, u + radius, v + radius), (*colour, opaque))
    return Image.alpha_composite(view, drawn).convert("RGB")


def view_with_pose(view: Image.Image, pose: ProjectedPose, number: int, skeleton: Skeleton) -> Image.Image:
    """A view with the limbs and joints of a pose that are within it.

    Args:
        view: a square picture of the view, which is changed.
        pose: the pose.
        number: number of the view.
        skeleton: the skeleton of the pose.
    """
    side, pen = view.width, ImageDraw.Draw(view)
    width, radius = max(2, side // 190), max(2, side // 150)
    for ends in pose.limbs(number, skeleton):
        pen.line([(side * u, side * v) for u, v in ends], POSE_COLOUR, width)
    for u, v in (pose.places[number][pose.inside[number]] * side).tolist():
        pen.ellipse((u - radius, v - radius, u + radius, v + radius), POSE_COLOUR)
    return view
