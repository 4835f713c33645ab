"""Squares cut out of cameras' frames: networks and frame stores have square images, whatever cameras have."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from egotap_pl.core.camera.protocol import Camera
from egotap_pl.core.camera.radial import RadialCamera
from egotap_pl.core.camera.rig import StereoRig


class Square(NamedTuple):
    """A square of whole pixels within a frame."""

    left_px: int
    """u of its left edge."""

    top_px: int
    """v of its top edge."""

    side_px: int
    """Its side."""

    def resized(self, old_px: tuple[int, int], new_px: tuple[int, int]) -> Square:
        """The same square in a frame that was resized.

        Args:
            old_px: width and height of the frame that the square is of.
            new_px: width and height of the resized frame, of the same shape.

        Examples:
            >>> Square(88, 3, 470).resized((640, 480), (1280, 960))
            Square(left_px=176, top_px=6, side_px=940)
        """
        scale = min(new_px[0] / old_px[0], new_px[1] / old_px[1])
        side = min(round(self.side_px * scale), *new_px)
        left, top = (min(round(edge * scale), length - side) for edge, length in zip(self[:2], new_px, strict=True))
        return Square(left, top, side)


def circle_square(camera: Camera) -> Square:
    """The square around a camera's image circle.

    Its side is the circle's diameter, or the frame's shorter side if that is less. Its middle is the circle's, or as
    near as the frame allows. A camera without an image circle has the largest square around its optical axis.

    Examples:
        >>> from egotap_pl.core.camera import PolynomialCamera
        >>> circle_square(PolynomialCamera.unrealego())
        Square(left_px=0, top_px=0, side_px=1024)
    """
    side = min(camera.size_px)
    if isinstance(camera, RadialCamera):
        side = max(1, min(side, round(2 * camera.circle_radius_px)))
    left, top = (
        min(max(round(centre - side / 2), 0), length - side)
        for centre, length in zip(camera.centre_px, camera.size_px, strict=True)
    )
    return Square(left, top, side)


def cut_rig(rig: StereoRig, squares: tuple[Square, Square], to_px: int) -> StereoRig:
    """The rig whose frames are squares cut out of another's frames and resized.

    Args:
        rig: the rig.
        squares: the square of each view.
        to_px: side of the squares after resizing.
    """
    left, right = (_cut(camera, square, to_px) for camera, square in zip(rig.cameras, squares, strict=True))
    return rig if (left, right) == rig.cameras else replace(rig, cameras=(left, right))


def square_rig(rig: StereoRig, to_px: int) -> StereoRig:
    """A rig of square frames, cut around the image circles (`circle_square`) and resized.

    Args:
        rig: a rig with frames of any size.
        to_px: side of the square frames.
    """
    left, right = (circle_square(camera) for camera in rig.cameras)
    return cut_rig(rig, (left, right), to_px)


def _cut(camera: Camera, square: Square, to_px: int) -> Camera:
    is_whole = camera.size_px == (to_px, to_px) and square == Square(0, 0, to_px)
    return camera if is_whole else camera.cropped(*square, to_px)
