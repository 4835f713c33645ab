"""Target heatmaps, rasterised for a whole batch at once on the device that holds its 2D points.

Points are in px of the 1024 x 1024 frame. Heatmaps have ``size`` x ``size`` pixels of 1024 / size px each; sigma is one
heatmap pixel, whatever the size. The functions use elementwise arithmetic only, so that neither autocast nor TF32
makes the targets less accurate. No gradient flows through them.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from egotap_pl.core.batch import FRAME_PX
from egotap_pl.core.constants import constant
from egotap_pl.core.skeleton import Skeleton

_REACH_PX = 4  # a Gaussian of sigma 1 is cut off here, in each direction
_LIMB_PEAK = 2.0  # release: blurred limbs are doubled
_CACHE_BYTES = 4 * 2**20


@torch.no_grad()
def joint_heatmaps(
    points2d_px: Float[Tensor, "b v j 2"], skeleton: Skeleton, size: int
) -> Float[Tensor, "b v j-1 {size} {size}"]:
    """Heatmaps of joints 1 to J - 1: a Gaussian of sigma 1 and peak 1 at the joint's pixel, cut off at 4 px (release).

    The pixel is the joint's position in heatmap pixels, truncated towards zero. The Gaussian of a joint outside the
    heatmap still reaches into it, unless the joint is more than 4 px outside or not finite: then the heatmap is zero.
    Agrees with SciPy's gaussian_filter to 1e-7.

    Args:
        points2d_px: all joints in each view, px of the 1024 x 1024 frame.
        skeleton: the skeleton of these joints.
        size: side of the heatmaps in pixels.

    Raises:
        ValueError: if the number of points is not the skeleton's number of joints.

    Examples:
        >>> import torch
        >>> from egotap_pl.core.heatmap import joint_heatmaps
        >>> from egotap_pl.core.skeleton import unrealego
        >>> points2d_px = torch.full((1, 2, 16, 2), 512.0)  # one frame, two views, every joint in the middle
        >>> heatmaps = joint_heatmaps(points2d_px, unrealego(), size=64)
        >>> heatmaps.shape
        torch.Size([1, 2, 15, 64, 64])
        >>> heatmaps[0, 0, 0, 32, 32].item()
        1.0
    """
    at = _heatmap_px(points2d_px, skeleton, size)[:, :, 1:]
    # Compared before truncating, which would pull in points that lie up to a pixel too far out.
    near = ((at >= -_REACH_PX) & (at < size + _REACH_PX)).all(-1, keepdim=True)
    pixels = torch.arange(size, device=at.device, dtype=at.dtype)
    offset = pixels - torch.where(near, at, math.inf).trunc()[..., None]
    profile = torch.where(offset.abs() <= _REACH_PX, (-0.5 * offset.square()).exp(), 0.0)
    return profile[..., 1, :, None] * profile[..., 0, None, :]


@torch.no_grad()
def limb_heatmaps(
    points2d_px: Float[Tensor, "b v j 2"], points_left_cm: Float[Tensor, "b j 3"], skeleton: Skeleton, size: int
) -> Float[Tensor, "b v j-1 2 {size} {size}"]:
    """Heatmaps of the limbs from joints 1 to J - 1 to their parents: the limb's line times cos and sin of its angle.

    The line is anti-aliased with intensity 1 between the rounded pixels of the two ends, clipped to the heatmap,
    blurred with sigma 1 (zero padding) and doubled. The angle theta = atan(dz / |dxy|) of parent minus child is
    measured in the left camera's axes for both views (release). A limb of length 0 in space has theta 0; a limb with an
    end that is not finite, in the image or in space, has zero heatmaps. Agrees with scikit-image's line_aa and SciPy's
    gaussian_filter to 2e-6 (float32).

    Args:
        points2d_px: all joints in each view, px of the 1024 x 1024 frame.
        points_left_cm: all joints in the left camera's axes, relative to any origin.
        skeleton: the skeleton of these joints; its parents say which joints a limb connects.
        size: side of the heatmaps in pixels.

    Raises:
        ValueError: if the number of points is not the skeleton's number of joints.
    """
    child, parent = _limb_ends(_heatmap_px(points2d_px, skeleton, size), skeleton)
    child_cm, parent_cm = _limb_ends(points_left_cm, skeleton)
    scale = _LIMB_PEAK * _cos_sin(parent_cm - child_cm)[:, None, :, :, None, None]
    heatmaps = child.new_empty((*child.shape[:3], 2, size, size))
    parts = (tensor.split(_frames_at_once(heatmaps)) for tensor in (child.round(), parent.round(), scale, heatmaps))
    for start, end, factor, out in zip(*parts, strict=True):
        lines = _lines(start, end, size)
        # Blur into memory that is needed anyway: allocating more costs as much as the arithmetic.
        _blur_along(-2, lines, out=out[:, :, :, 0])
        _blur_along(-1, out[:, :, :, 0], out=lines)
        torch.mul(lines.unsqueeze(3), factor, out=out)
    return heatmaps


@torch.no_grad()
def limb_lengths_px(points2d_px: Float[Tensor, "b v j 2"], skeleton: Skeleton, size: int) -> Float[Tensor, "b v j-1"]:
    """Length of each limb in each view, in heatmap pixels, neither rounded nor clipped; 0 if an end is not finite.

    Args:
        points2d_px: all joints in each view, px of the 1024 x 1024 frame.
        skeleton: the skeleton of these joints; its parents say which joints a limb connects.
        size: side of the heatmaps in pixels.

    Raises:
        ValueError: if the number of points is not the skeleton's number of joints.
    """
    child, parent = _limb_ends(_heatmap_px(points2d_px, skeleton, size), skeleton)
    return (child - parent).norm(dim=-1).nan_to_num(0.0, 0.0, 0.0)


def _heatmap_px(points2d_px: Float[Tensor, "b v j 2"], skeleton: Skeleton, size: int) -> Float[Tensor, "b v j 2"]:
    if points2d_px.shape[2] != skeleton.num_joints:
        raise ValueError(f"{points2d_px.shape[2]} points for the {skeleton.num_joints} joints of {skeleton.name}")
    return points2d_px * (size / FRAME_PX)


def _frames_at_once(heatmaps: Tensor) -> int:
    # A GPU takes the whole batch; a CPU is twice as fast with few enough frames at a time to fit in its cache.
    frames = max(len(heatmaps), 1)
    return max(1, _CACHE_BYTES * frames // max(heatmaps.nbytes, 1)) if heatmaps.device.type == "cpu" else frames


def _limb_ends(points: Float[Tensor, "*b j d"], skeleton: Skeleton) -> tuple[Tensor, Tensor]:
    return points[..., 1:, :], points[..., constant(tuple(skeleton.parents[1:]), points.device), :]


def _cos_sin(along_cm: Float[Tensor, "b j 3"]) -> Float[Tensor, "b j 2"]:
    # cos and sin of atan(dz / |dxy|) without the quotient, which is 0/0 if the limb has length 0.
    across, depth = along_cm[..., :2].norm(dim=-1), along_cm[..., 2]
    length = torch.hypot(across, depth)
    cos = torch.where(length == 0, 1.0, across / length)
    sin = torch.where(length == 0, 0.0, depth / length)
    return torch.stack((cos, sin), -1).nan_to_num(0.0)


def _lines(
    start: Float[Tensor, "b v j 2"], end: Float[Tensor, "b v j 2"], size: int
) -> Float[Tensor, "b v j {size} {size}"]:
    """scikit-image's line_aa in closed form: 1 - distance to the line, inside the bounding box of its two ends.

    |dx (y - y0) - dy (x - x0)| is the sum of a term per row and a term per column. Both are whole numbers, and so
    exact; outside the box a term is infinite.
    """
    exists = (start.isfinite() & end.isfinite()).all(-1, keepdim=True)
    start, end = torch.where(exists, start, 0.0), torch.where(exists, end, 0.0)
    pixels = torch.arange(size, device=start.device, dtype=start.dtype)
    off_line = (end - start).flip(-1)[..., None] * (pixels - start[..., None])
    in_box = (pixels >= torch.minimum(start, end)[..., None]) & (pixels <= torch.maximum(start, end)[..., None])
    row = torch.where(in_box[..., 1, :] & exists, off_line[..., 1, :], math.inf)
    column = torch.where(in_box[..., 0, :], -off_line[..., 0, :], math.inf)
    # In place from here: these are the only large tensors, and memory traffic dominates their cost.
    distance = (row[..., :, None] + column[..., None, :]).abs_()
    per_length = -1.0 / (end - start).norm(dim=-1).clamp(min=1.0)[..., None, None]
    return distance.mul_(per_length).add_(1.0).relu_()


def _blur_along(axis: int, source: Float[Tensor, "*b h w"], out: Float[Tensor, "*b h w"]) -> None:
    """SciPy's gaussian_filter(mode="constant") along one axis: sigma 1, cut off at 4 px, normalised, zero padding."""
    weights = [math.exp(-0.5 * k * k) for k in range(_REACH_PX + 1)]
    total = weights[0] + 2 * sum(weights[1:])
    torch.mul(source, weights[0] / total, out=out)
    side = source.shape[axis]
    for k in range(1, min(_REACH_PX, side - 1) + 1):
        weight = weights[k] / total
        out.narrow(axis, k, side - k).add_(source.narrow(axis, 0, side - k), alpha=weight)
        out.narrow(axis, 0, side - k).add_(source.narrow(axis, k, side - k), alpha=weight)
