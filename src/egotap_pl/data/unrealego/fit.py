"""Where the pelvis is, from heatmaps: what UnrealEgo's impl files do not say.

An impl file has the pose relative to the pelvis, and heatmaps whose peaks are the joints' 2D points, truncated to a
64th of the frame. With the calibration known, the pelvis in a camera's frame is the one unknown of the projection. It
is fitted in every view; what then separates the two views' pelvises is the baseline, one for all frames of a piece
(the axes are parallel, the glasses rigid); with it, both views are fitted together.

A joint at (u, v) has its peak at pixel p = floor(u / 16), so u is anywhere in [16 p, 16 p + 16). The least squares of
the distances to the pixels' centres come first, robustly, then their 4th to 16th powers: errors that are uniform
within a bound are best met in the middle of what the bounds allow, which 60 bounds make far narrower than one does.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from egotap_pl.core.batch import FRAME_PX
from egotap_pl.core.camera import StereoRig

_PEAK = 0.99  # a joint within the frame has a peak of 1; beyond it only the Gaussian's foot is seen
_POWERS = (2, 4, 8, 16)  # each starts from the one before
_STEPS = 3
_ROBUST_PX = 16.0
_WRONG = 1.5  # a peak so many times farther than half a map pixel is no peak of this joint


class Peaks(NamedTuple):
    """Fields:
    centres_px: centre of every map's highest pixel, px of the 1024 x 1024 frame.
    found: whether the joint is in the frame.
    half_px: half a map pixel: how far the truth may be from the centre in u and in v.
    """

    centres_px: Float[Tensor, "b v j 2"]
    found: Bool[Tensor, "b v j"]
    half_px: float


class PelvisFit(NamedTuple):
    """Fields:
    pelvis_cm: in each camera's frame.
    residual_px: root mean square distance from the peaks' centres per coordinate; about 4.6 is what truncation
        leaves, and infinite where there are too few peaks.
    """

    pelvis_cm: Float[Tensor, "b v 3"]
    residual_px: Float[Tensor, "b"]


def find_peaks(heatmaps: Float[Tensor, "b v j h w"]) -> Peaks:
    """The highest pixel of every map."""
    size = heatmaps.shape[-1]
    value, index = heatmaps.flatten(-2).max(-1)
    at = torch.stack((index % size, index // size), -1)
    # A rim pixel of the map may hold what lies beyond it: truncation is towards zero.
    inside = ((at > 0) & (at < size - 1)).all(-1)
    scale = FRAME_PX / size
    return Peaks((at.double() + 0.5) * scale, (value > _PEAK) & inside, scale / 2)


def fit_pelvis(peaks: Peaks, pose_cm: Float[Tensor, "b joint 3"], rig: StereoRig, min_peaks: int = 8) -> PelvisFit:
    """Fits frames of one pair of glasses.

    Args:
        peaks: of every joint but the first.
        pose_cm: all joints, relative to the pelvis, in the cameras' axes.
        rig: the calibration; its translation is used only if no frame of the piece tells better.
        min_peaks: with fewer, in both views together, a frame has no fit.
    """
    pose = pose_cm[:, None, 1:].double().expand(-1, 2, -1, -1)
    enough = peaks.found.sum((1, 2)) >= min_peaks
    weight = peaks.found.double()
    pelvis = _on_rays(peaks, pose, rig, weight)
    pelvis = _refined(peaks, pose, rig, weight, pelvis, torch.zeros(2, 3).double(), together=False)
    baseline = _baseline(pelvis, peaks, enough, rig)
    left = torch.where(_both(peaks)[:, None], (pelvis - baseline).mean(1), _better(pelvis - baseline, peaks))
    joint = _refined(peaks, pose, rig, weight, left[:, None].expand(-1, 2, -1), baseline, together=True)
    residual = _residual(peaks, pose, rig, joint)
    return PelvisFit(joint, torch.where(enough & joint.isfinite().all(-1).all(-1), residual, torch.inf))


def _on_rays(peaks: Peaks, pose: Tensor, rig: StereoRig, weight: Tensor) -> Float[Tensor, "b v 3"]:
    """The pelvis that brings every joint nearest to its peak's ray: linear, and near enough to start from."""
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
    """Gauss-Newton from ``pelvis`` (less ``offset``) with damping; ``together``: one unknown for both views."""
    for power in _POWERS:
        for _ in range(_STEPS):
            residual, jacobian = _linearised(peaks, pose + (pelvis + offset)[:, :, None], rig)
            size = (residual / peaks.half_px).abs()
            if power == 2:
                w = 1 / (1 + (residual / _ROBUST_PX).square())
            else:  # those of the p-th power; a single wrong peak would outweigh all others
                w = size.clamp(1e-3, 1.0).pow(power - 2) * (size < _WRONG)
            w = w * weight[..., None]
            normal = torch.einsum("bvjc,bvjcx,bvjcy->bvxy", w, jacobian, jacobian)
            gradient = torch.einsum("bvjc,bvjcx,bvjc->bvx", w, jacobian, residual)
            if together:
                normal, gradient = (x.sum(1, keepdim=True).expand_as(x) for x in (normal, gradient))
            step = _solve(normal, gradient) / (power - 1)  # Newton's step for a p-th power is this much shorter
            pelvis = pelvis + step.clamp(-20, 20)
    return pelvis + offset


def _linearised(
    peaks: Peaks, points: Float[Tensor, "b v j 3"], rig: StereoRig
) -> tuple[Float[Tensor, "b v j 2"], Float[Tensor, "b v j 2 3"]]:
    """Peak minus projection, and the projection's derivative by the point: the pelvis moves all points alike."""
    with torch.enable_grad():
        points = points.detach().requires_grad_()
        px = _projected(rig, points)
        rows = [torch.autograd.grad(px[..., c].sum(), points, retain_graph=c == 0)[0] for c in range(2)]
    return (peaks.centres_px - px).detach(), torch.stack(rows, -2)


def _baseline(
    pelvis: Float[Tensor, "b v 3"], peaks: Peaks, enough: Bool[Tensor, "b"], rig: StereoRig
) -> Float[Tensor, "v 3"]:
    """What to add to the left pelvis in each view: zero, and the median difference of frames that both views see."""
    good = enough & _both(peaks) & pelvis.isfinite().all(-1).all(-1)
    found = (pelvis[good, 1] - pelvis[good, 0]).median(0).values if good.any() else torch.tensor(rig.translation_cm)
    return torch.stack((torch.zeros(3), found)).double()


def _projected(rig: StereoRig, points: Float[Tensor, "b v j 3"]) -> Float[Tensor, "b v j 2"]:
    """Pixels in each view of points that are in that view's frame already."""
    return torch.stack([camera.project(p)[0] for camera, p in zip(rig.cameras, points.unbind(1), strict=True)], 1)


def _both(peaks: Peaks) -> Bool[Tensor, "b"]:
    return (peaks.found.sum(-1) >= 4).all(-1)


def _better(pelvis: Float[Tensor, "b v 3"], peaks: Peaks) -> Float[Tensor, "b 3"]:
    best = peaks.found.sum(-1).argmax(-1)
    return pelvis[torch.arange(len(pelvis)), best]


def _residual(peaks: Peaks, pose: Tensor, rig: StereoRig, pelvis: Tensor) -> Float[Tensor, "b"]:
    px = _projected(rig, pose + pelvis[:, :, None])
    squares = (px - peaks.centres_px).square().mean(-1) * peaks.found
    return (squares.sum((1, 2)) / peaks.found.sum((1, 2)).clamp(min=1)).sqrt()


def _solve(normal: Float[Tensor, "b v 3 3"], right: Float[Tensor, "b v 3"]) -> Float[Tensor, "b v 3"]:
    """Solutions; the damping matters only where too few joints are seen to have one."""
    damping = (
        1e-9 * torch.eye(3, dtype=normal.dtype) * (normal.diagonal(dim1=-2, dim2=-1).sum(-1)[..., None, None] + 1e-6)
    )
    return torch.linalg.solve(normal + damping, right)
