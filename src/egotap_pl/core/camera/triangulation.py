"""Where the rays of two cameras meet."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from egotap_pl.core.camera.rig import StereoRig
from egotap_pl.core.constants import constant

_FARTHEST_CM = 400.0  # rays that are nearly parallel meet far away: no body is as long
_PARALLEL = 1e-4  # squared sine of the smallest angle between rays that meet anywhere: 0.6 degrees


class Triangulated(NamedTuple):
    """Points between two rays, in the left camera's frame."""

    points_cm: Float[Tensor, "*n 3"]
    """The middle of the shortest line between the two rays."""

    gap_cm: Float[Tensor, "*n"]
    """Length of that line: how far the rays miss each other."""

    sine: Float[Tensor, "*n"]
    """Sine of the angle between the rays: the smaller, the less is known of the distance."""


def rays_in_left_frame(rig: StereoRig, px: Float[Tensor, "*b v j 2"]) -> Float[Tensor, "*b v j 3"]:
    """Unit rays of pixels of both views in the left camera's axes.

    Args:
        rig: the cameras.
        px: (u, v) in each view, px of its camera's frame.
    """
    left, right = (camera.unproject(px[..., k, :, :])[0] for k, camera in enumerate(rig.cameras))
    # Elementwise, because mixed precision would compute a matrix product in half precision.
    rotation = constant(rig.rotation, px.device, px.dtype)
    turned = (right[..., :, None] * rotation).sum(-2)
    return torch.stack((left, turned), -3)


def triangulate(rig: StereoRig, rays: Float[Tensor, "*b v j 3"]) -> Triangulated:
    """The points that are nearest to a ray of each camera (midpoint method; differentiable).

    A ray begins at its camera: points are not behind it, and at most 4 m away, where rays that are nearly parallel
    would meet beyond.

    Args:
        rig: the cameras.
        rays: unit rays in the left camera's axes, as `rays_in_left_frame` gives them.

    Examples:
        >>> rig = StereoRig.unrealego(baseline_cm=12.0)
        >>> points_cm = torch.tensor([[5.0, -3.0, 60.0]])
        >>> px, _ = rig.project(points_cm)
        >>> meeting = triangulate(rig, rays_in_left_frame(rig, px))
        >>> torch.testing.assert_close(meeting.points_cm, points_cm, atol=1e-2, rtol=0)
    """
    left, right = rays.unbind(-3)
    rotation = constant(rig.rotation, rays.device, rays.dtype)
    translation_cm = constant(rig.translation_cm, rays.device, rays.dtype)
    centre_cm = -(translation_cm[:, None] * rotation).sum(0)  # of the right camera, in the left one's frame
    cosine = (left * right).sum(-1)
    along_left, along_right = (left * centre_cm).sum(-1), (right * centre_cm).sum(-1)
    sine2 = (1.0 - cosine.square()).clamp(min=0.0)
    per_sine2 = 1.0 / sine2.clamp(min=_PARALLEL)
    far_left = ((along_left - cosine * along_right) * per_sine2).clamp(0.0, _FARTHEST_CM)
    far_right = ((cosine * along_left - along_right) * per_sine2).clamp(0.0, _FARTHEST_CM)
    near_left, near_right = far_left[..., None] * left, centre_cm + far_right[..., None] * right
    # The root has no gradient at 0: there, that of the constant 0 is taken.
    sine = torch.where(sine2 > 0, torch.where(sine2 > 0, sine2, 1.0).sqrt(), 0.0)
    return Triangulated((near_left + near_right) / 2, (near_left - near_right).norm(dim=-1), sine)
