"""What the rest of the package asks of a camera."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

from jaxtyping import Bool, Float
from torch import Tensor


@runtime_checkable
class Camera(Protocol):
    """A calibrated camera: plain numbers, hashable, the same on every device.

    Its axes are X right, Y down, Z forward, in cm; its pixels are (u right, v down), and the frame reaches from (0, 0)
    to ``size_px``. `RadialCamera` has all of this except what differs from lens to lens.
    """

    @property
    def size_px(self) -> tuple[int, int]:
        """Width and height of the calibrated frame."""
        ...

    @property
    def centre_px(self) -> tuple[float, float]:
        """(u, v) of the optical axis."""
        ...

    @property
    def max_angle_rad(self) -> float:
        """Largest angle off the optical axis at which the camera sees anything."""
        ...

    def project(self, points_cm: Float[Tensor, "*n 3"]) -> tuple[Float[Tensor, "*n 2"], Bool[Tensor, "*n"]]:
        """Pixels of points in the camera's frame, and whether each is inside the view (differentiable)."""
        ...

    def unproject(self, px: Float[Tensor, "*n 2"]) -> tuple[Float[Tensor, "*n 3"], Bool[Tensor, "*n"]]:
        """Unit rays of pixels in the camera's frame, and whether each is inside the view (differentiable)."""
        ...

    def in_frame(self, px: Float[Tensor, "*n 2"]) -> Bool[Tensor, "*n"]:
        """Whether each pixel is in the frame, whatever the lens shows there."""
        ...

    def cropped(self, left_px: float | int, top_px: float | int, side_px: float | int, to_px: int) -> Camera:
        """The camera of a square that is cut out of the frame and resized.

        Args:
            left_px: u of the square's left edge.
            top_px: v of its top edge.
            side_px: its side before resizing.
            to_px: its side after resizing.
        """
        ...

    def to_dict(self) -> dict[str, Any]:
        """The same as plain lists and numbers, for JSON; `camera_from_dict` is the inverse."""
        ...
