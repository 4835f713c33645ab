"""Recovers the pelvis from heatmaps, because UnrealEgo's impl files do not contain it.

An impl file has the pose relative to the pelvis, and heatmaps whose peaks are the joints' 2D points, truncated to a
64th of the frame. With a known calibration, the pelvis in a camera's frame is the only unknown of the projection. It
is first fitted in each view. The distance between the two views' pelvises is the baseline, one for all frames of a
piece (the axes are parallel, the glasses rigid). With the baseline, both views are fitted together.

A joint at (u, v) has its peak at pixel p = floor(u / 16), so u may be anywhere in [16 p, 16 p + 16). The fit minimises
the squared distances to the pixels' centres, robustly, and then their 4th to 16th powers. Errors that are uniform
within bounds are best met in the middle of what the bounds allow, and 60 bounds allow far less than one does.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from egotap_pl.core.batch import FRAME_PX
from egotap_pl.core.camera import StereoRig

_PEAK = 0.99  # a joint inside the frame has a peak of 1; beyond the edge, only the Gaussian's foot is visible
_POWERS = (2, 4, 8, 16)  # each fit starts from the one before
_STEPS = 3
_ROBUST_PX = 16.0
_OUTLIER = 1.5  # a peak farther away than this, in halves of a heatmap pixel, does not belong to the joint


class Peaks(NamedTuple):
    """The peaks of heatmaps."""

    centres_px: Float[Tensor, "b v j 2"]
    """Centre of the highest pixel of every heatmap, px of the 1024 x 1024 frame."""

    in_frame: Bool[Tensor, "b v j"]
    """Whether the joint is inside the frame."""

    half_px: float
    """Half a heatmap pixel: the largest distance of the true point from the centre, in u and in v."""


class PelvisFit(NamedTuple):
    """Pelvises of frames."""

    pelvis_cm: Float[Tensor, "b v 3"]
    """The pelvis in each camera's frame."""

    residual_px: Float[Tensor, "b"]
    """Root mean square distance from the peaks' centres, per coordinate: about 4.6 because of truncation, and infinite
    where there are too few peaks."""


def find_peaks(heatmaps: Float[Tensor, "b v j h w"]) -> Peaks:
    """The highest pixel of every heatmap."""
    size = heatmaps.shape[-1]
    value, index = heatmaps.flatten(-2).max(-1)
    pixel = torch.stack((index % size, index // size), -1)
    # The peak in a border pixel may belong to a point beyond the border, because truncation is towards zero.
    inside = ((pixel > 0) & (pixel < size - 1)).all(-1)
    scale = FRAME_PX / size
    return Peaks((pixel.double() + 0.5) * scale, (value > _PEAK) & inside, scale / 2)


def fit_pelvis(peaks: Peaks, pose_cm: Float[Tensor, "b joint 3"], rig: StereoRig, min_peaks: int = 8) -> PelvisFit:
    """Fits the pelvis in frames of one pair of glasses.

    Args:
        peaks: peaks of every joint but the first.
        pose_cm: every joint relative to the pelvis, in the cameras' axes.
        rig: the calibration. Its translation is used only if no frame shows enough joints to both views.
        min_peaks: smallest number of peaks, counted over both views; the residual of a frame with fewer is infinite.
    """
    pose = pose_cm[:, None, 1:].double().expand(-1, 2, -1, -1)
    enough = peaks.in_frame.sum((1, 2)) >= min_peaks
    weight = peaks.in_frame.double()
    pelvis = _on_rays(peaks, pose, rig, weight)
    pelvis = _refined(peaks, pose, rig, weight, pelvis, torch.zeros(2, 3).double(), together=False)
    baseline = _baseline(pelvis, peaks, enough, rig)
    left = torch.where(_both(peaks)[:, None], (pelvis - baseline).mean(1), _better(pelvis - baseline, peaks))
    joint = _refined(peaks, pose, rig, weight, left[:, None].expand(-1, 2, -1), baseline, together=True)
    residual = _residual(peaks, pose, rig, joint)
    return PelvisFit(joint, torch.where(enough & joint.isfinite().all(-1).all(-1), residual, torch.inf))


def _on_rays(peaks: Peaks, pose: Tensor, rig: StereoRig, weight: Tensor) -> Float[Tensor, "b v 3"]:
    """The pelvis for which the joints are nearest to their peaks' rays: a linear problem, and a good start."""
    views = zip(rig.cameras, peaks.centres_px.unbind(1), strict=True)
    rays = torch.stack([camera.unproject(px)[0] for camera, px in views], 1)
    across = torch.eye(3, dtype=rays.dtype) - rays[..., :, None] * rays[..., None, :]
    across = across * weight[..., None, None]
    return _solve(across.sum(-3), -(across @ pose[..., None]).sum(-3)[..., 0])


def _refined(
    peaks: Peaks,
    pose: Float[Tensor, "b v j 3"],
    rig: StereoRig,
    weight: Float[Tensor, "b v j"],
    pelvis: Float[Tensor, "b v 3"],
    offset: Float[Tensor, "v 3"],
    together: bool,
) -> Float[Tensor, "b v 3"]:
    """Damped Gauss-Newton steps from ``pelvis``, which does not include ``offset``; the result does.

    With ``together``, both views share one pelvis.
    """
    for power in _POWERS:
        for _ in range(_STEPS):
            residual, jacobian = _linearised(peaks, pose + (pelvis + offset)[:, :, None], rig)
            size = (residual / peaks.half_px).abs()
            if power == 2:
                w = 1 / (1 + (residual / _ROBUST_PX).square())
            else:  # weights of the p-th power; without the cut, a single wrong peak would outweigh all others
                w = size.clamp(1e-3, 1.0).pow(power - 2) * (size < _OUTLIER)
            w = w * weight[..., None]
            normal = torch.einsum("bvjc,bvjcx,bvjcy->bvxy", w, jacobian, jacobian)
            gradient = torch.einsum("bvjc,bvjcx,bvjc->bvx", w, jacobian, residual)
            if together:
                normal, gradient = (x.sum(1, keepdim=True).expand_as(x) for x in (normal, gradient))
            step = _solve(normal, gradient) / (power - 1)  # Newton's step for a p-th power is shorter by this factor
            pelvis = pelvis + step.clamp(-20, 20)
    return pelvis + offset


def _linearised(
    peaks: Peaks, points: Float[Tensor, "b v j 3"], rig: StereoRig
) -> tuple[Float[Tensor, "b v j 2"], Float[Tensor, "b v j 2 3"]]:
    """Peaks minus projections, and the projections' derivatives by the points, all of which move with the pelvis."""
    with torch.enable_grad():
        points = points.detach().requires_grad_()
        px, _ = rig.project_views(points)
        rows = [torch.autograd.grad(px[..., c].sum(), points, retain_graph=c == 0)[0] for c in range(2)]
    return (peaks.centres_px - px).detach(), torch.stack(rows, -2)


def _baseline(
    pelvis: Float[Tensor, "b v 3"], peaks: Peaks, enough: Bool[Tensor, "b"], rig: StereoRig
) -> Float[Tensor, "v 3"]:
    """What each view's pelvis has in addition to the left one: zero, and the median difference between the views."""
    good = enough & _both(peaks) & pelvis.isfinite().all(-1).all(-1)
    right = (pelvis[good, 1] - pelvis[good, 0]).median(0).values if good.any() else torch.tensor(rig.translation_cm)
    return torch.stack((torch.zeros(3), right)).double()


def _both(peaks: Peaks) -> Bool[Tensor, "b"]:
    """Whether both views show enough joints for a fit of their own."""
    return (peaks.in_frame.sum(-1) >= 4).all(-1)


def _better(pelvis: Float[Tensor, "b v 3"], peaks: Peaks) -> Float[Tensor, "b 3"]:
    """The pelvis of the view that shows more joints."""
    best = peaks.in_frame.sum(-1).argmax(-1)
    return pelvis[torch.arange(len(pelvis)), best]


def _residual(peaks: Peaks, pose: Tensor, rig: StereoRig, pelvis: Tensor) -> Float[Tensor, "b"]:
    px, _ = rig.project_views(pose + pelvis[:, :, None])
    squares = (px - peaks.centres_px).square().mean(-1) * peaks.in_frame
    return (squares.sum((1, 2)) / peaks.in_frame.sum((1, 2)).clamp(min=1)).sqrt()


def _solve(normal: Float[Tensor, "b v 3 3"], right: Float[Tensor, "b v 3"]) -> Float[Tensor, "b v 3"]:
    """Solutions of linear equations. The damping matters only where too few joints are visible for a solution."""
    damping = (
        1e-9 * torch.eye(3, dtype=normal.dtype) * (normal.diagonal(dim1=-2, dim2=-1).sum(-1)[..., None, None] + 1e-6)
    )
    return torch.linalg.solve(normal + damping, right)
