"""Squares cut out of a recording's frames, as networks take square images."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from PIL import Image

from egotap_pl.core.batch import FRAME_PX
from egotap_pl.core.camera import Square, StereoRig, circle_square
from egotap_pl.core.errors import EgotapError

WAYS = (
    "crop=circle with rig=FILE cuts out the square around the image circle, crop=centre the middle, and "
    "crop=[u,v,side] the square of that side whose upper left corner is at (u, v)"
)
"""What a user can do about frames that are not square."""
_SAME_SHAPE = 0.01  # by which the ratios of a frame's and a calibration's width and height may differ


@dataclass(frozen=True)
class Crop:
    """How the square of each view is found.

    Raises:
        EgotapError: if the circle is asked for and there is no rig.

    Examples:
        >>> Crop("centre").squares((640, 480))
        (Square(left_px=80, top_px=0, side_px=480), Square(left_px=80, top_px=0, side_px=480))
    """

    how: str | Square | None = None
    """``circle``: the square around the image circle (`core.camera.circle_square`), as EgoSynth cuts the rig's frames;
    ``centre``: the largest square in the middle; a square; or None: the whole frame, which must be square."""
    rig: StereoRig | None = None
    """The rig whose image circles they are. Its frames may have another size than the recording's, but not shape."""

    def __post_init__(self) -> None:
        if self.how == "circle" and self.rig is None:
            raise EgotapError("crop=circle needs to know where the image circle is: give rig=FILE (docs/cameras.md)")

    @classmethod
    def parse(cls, value: Any, rig: StereoRig | None) -> Crop:
        """The crop of the keys ``crop`` and ``rig``. With a rig and no crop, it is the circle.

        Args:
            value: ``circle``, ``centre``, a list of u, v and side, or None.
            rig: the rig, or None.

        Raises:
            EgotapError: if the value is none of these.
        """
        if value is None:
            return cls(None if rig is None else "circle", rig)
        if value in ("circle", "centre"):
            return cls(value, rig)
        is_list = isinstance(value, (list, tuple)) and len(value) == 3 and all(type(x) is int for x in value)
        if not is_list or min(value) < 0 or value[2] < 1:
            raise EgotapError(f"crop={value}: must be circle, centre or [u,v,side] in whole pixels; {WAYS}")
        return cls(Square(*value), rig)

    def squares(self, size_px: tuple[int, int]) -> tuple[Square, Square]:
        """The squares in the left and in the right view of a recording.

        Args:
            size_px: width and height of a view.

        Raises:
            EgotapError: if there is no such square in frames of this size.
        """
        width, height = size_px
        if self.how is None:
            if width != height:
                raise EgotapError(f"a view must be square; {WAYS}")
            square = Square(0, 0, width)
        elif isinstance(self.how, Square):
            square = self.how
            if square.left_px + square.side_px > width or square.top_px + square.side_px > height:
                raise EgotapError(f"crop=[{','.join(map(str, square))}] reaches beyond the frame")
        elif self.how == "centre":
            side = min(size_px)
            square = Square((width - side) // 2, (height - side) // 2, side)
        else:
            left, right = self._circles(size_px)
            return left, right
        return square, square

    def cut(self, left: Image.Image, right: Image.Image) -> tuple[Image.Image, Image.Image]:
        """Both views of a frame, cut.

        Raises:
            EgotapError: see `squares`.
        """
        first, second = (
            view if square == Square(0, 0, view.width) and view.width == view.height else _cut(view, square)
            for view, square in (
                (left, self.squares(left.size)[0]),
                (right, self.squares(right.size)[1]),
            )
        )
        return first, second

    def seen_rig(self, size_px: tuple[int, int]) -> StereoRig | None:
        """The rig of what is cut out, as squares of `FRAME_PX`; None if there is no rig.

        Args:
            size_px: width and height of a view of the recording.

        Raises:
            EgotapError: see `squares`; also if the rig's frames have another shape.
        """
        if self.rig is None:
            return None
        self._check_shape(size_px)
        cut = []
        for camera, (left, top, side) in zip(self.rig.cameras, self.squares(size_px), strict=True):
            scale = camera.size_px[0] / size_px[0]
            cut.append(camera.cropped(left * scale, top * scale, side * scale, FRAME_PX))
        return replace(self.rig, cameras=(cut[0], cut[1]))

    def _circles(self, size_px: tuple[int, int]) -> tuple[Square, Square]:
        assert self.rig is not None
        self._check_shape(size_px)
        left, right = (circle_square(camera).resized(camera.size_px, size_px) for camera in self.rig.cameras)
        return left, right

    def _check_shape(self, size_px: tuple[int, int]) -> None:
        assert self.rig is not None
        for side, camera in zip(("left", "right"), self.rig.cameras, strict=True):
            width, height = camera.size_px
            if abs((size_px[0] / width) / (size_px[1] / height) - 1) > _SAME_SHAPE:
                raise EgotapError(
                    f"rig {self.rig.name} has frames of another shape: its {side} camera was calibrated at {width} x "
                    f"{height} px"
                )


def _cut(view: Image.Image, square: Square) -> Image.Image:
    left, top, side = square
    return view.crop((left, top, left + side, top + side))
