"""Obstacles that hands and elbows avoid: trunk, head, the surroundings of the shoulder, the ground. Smooth, batched."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

# All in the chest's axes, relative to the shoulder joint, x outward, cm; average figure.
_MIDDLE_CM = -17.5
_TRUNK_AXIS_CM, _TRUNK_ACROSS_CM, _TRUNK_DEEP_CM = -5.0, 21.0, 20.0
_TRUNK_TOP_CM, _TRUNK_BOTTOM_CM, _TRUNK_EDGE_CM = 8.0, -62.0, 6.0
_HEAD_CM, _HEAD_RADIUS_CM = torch.tensor([_MIDDLE_CM, 21.0, 3.0]), 17.0
_SHOULDER_RADIUS_CM = 22.0
_DETOUR = torch.nn.functional.normalize(torch.tensor([0.6, -0.6, 0.5]), dim=0)
_ASIDE = torch.tensor([0.6, -0.4, 0.5])
_WRIST_CM, _ELBOW_SAFE_CM, _ELBOW_LOW_CM = 4.0, 45.0, 20.0


def clear_of_body(wrist_cm: Float[Tensor, "f 2 3"]) -> Float[Tensor, "f 2 3"]:
    """Positions of free wrists outside the shoulder, the trunk and the head.

    A path that would pass through the shoulder joint bulges outward and forward, because the direction of the arm would
    spin there.

    Args:
        wrist_cm: wrists relative to the shoulder in the chest's axes, x outward.
    """
    near = (1 - (wrist_cm / _SHOULDER_RADIUS_CM).square().sum(-1, keepdim=True)).clamp_min(0)
    wrist = wrist_cm + _SHOULDER_RADIUS_CM * near * _DETOUR

    across, deep = wrist[..., 0] - _MIDDLE_CM, wrist[..., 2] - _TRUNK_AXIS_CM
    height = wrist[..., 1]
    share = ((across / _TRUNK_ACROSS_CM) ** 2 + (deep / _TRUNK_DEEP_CM) ** 2).sqrt().clamp_min(0.05)
    level = ((_TRUNK_TOP_CM - height) / _TRUNK_EDGE_CM).clamp(0, 1)
    level = level * ((height - _TRUNK_BOTTOM_CM) / _TRUNK_EDGE_CM).clamp(0, 1)
    grow = 1 + level * (1 / share - 1).clamp_min(0)
    wrist = torch.stack((across * grow + _MIDDLE_CM, height, deep * grow + _TRUNK_AXIS_CM), -1)

    from_head = wrist - _HEAD_CM
    distance = from_head.norm(dim=-1, keepdim=True).clamp_min(1.0)
    return _HEAD_CM + from_head * (_HEAD_RADIUS_CM / distance).clamp_min(1.0)


def above_ground(wrist_cm: Float[Tensor, "f 2 3"]) -> Float[Tensor, "f 2 3"]:
    """Wrists (world, cm), raised to the height of a hand on the ground if they are below it."""
    return torch.cat((wrist_cm[..., :1], wrist_cm[..., 1:2].clamp_min(_WRIST_CM), wrist_cm[..., 2:]), -1)


def elbows_off_ground(
    pole: Float[Tensor, "f 2 3"], up: Float[Tensor, "f 2 3"], shoulder_height_cm: Float[Tensor, "f 2"]
) -> Float[Tensor, "f 2 3"]:
    """Directions of elbows that point aside instead of down if the shoulder is close to the ground.

    Args:
        pole: directions of the elbows, of a side.
        up: the world's upward direction in the same axes.
        shoulder_height_cm: height of the shoulders above the ground.
    """
    low = ((_ELBOW_SAFE_CM - shoulder_height_cm) / (_ELBOW_SAFE_CM - _ELBOW_LOW_CM)).clamp(0, 1)
    down = (low * -(pole * up).sum(-1)).clamp_min(0)[..., None]
    aside = _ASIDE - (_ASIDE * up).sum(-1, keepdim=True) * up
    return pole + down * (up + aside)


def eased(curve: Float[Tensor, "f *d"], frames: float) -> Float[Tensor, "f *d"]:
    """A curve smoothed by a Gaussian in time, with its ends held: it rounds the corners that obstacles cause.

    Args:
        curve: the curve.
        frames: standard deviation of the Gaussian in frames.
    """
    reach = round(3 * frames)
    kernel = torch.exp(-0.5 * (torch.arange(-reach, reach + 1) / frames) ** 2)
    flat = curve.reshape(len(curve), -1).T[:, None]
    flat = torch.nn.functional.pad(flat, (reach, reach), mode="replicate")
    return torch.nn.functional.conv1d(flat, (kernel / kernel.sum())[None, None])[:, 0].T.reshape(curve.shape)
