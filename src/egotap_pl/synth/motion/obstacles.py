"""What hands and elbows go round: trunk, head, the shoulder's own neighbourhood and the ground. Smooth, batched."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

# All in the chest's axes from the shoulder joint (x outward), cm, average figure.
_MIDDLE_CM = -17.5
_TRUNK_AXIS_CM, _TRUNK_ACROSS_CM, _TRUNK_DEEP_CM = -5.0, 21.0, 20.0
_TRUNK_TOP_CM, _TRUNK_BOTTOM_CM, _TRUNK_EDGE_CM = 8.0, -62.0, 6.0
_HEAD_CM, _HEAD_RADIUS_CM = torch.tensor([_MIDDLE_CM, 21.0, 3.0]), 17.0
_SHOULDER_RADIUS_CM = 22.0
_DETOUR = torch.nn.functional.normalize(torch.tensor([0.6, -0.6, 0.5]), dim=0)
_ASIDE = torch.tensor([0.6, -0.4, 0.5])
_WRIST_CM, _ELBOW_SAFE_CM, _ELBOW_LOW_CM = 4.0, 45.0, 20.0


def clear_of_body(wrist_cm: Float[Tensor, "f 2 3"]) -> Float[Tensor, "f 2 3"]:
    """Free wrists (chest's axes, from the shoulder, x outward, cm) led round the shoulder, the trunk and the head.

    A path that would pass through the shoulder joint bulges outward and forward: there the arm's direction would whirl.
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
    """Wrists (world, cm) not below the height at which a hand lies on the ground."""
    return torch.cat((wrist_cm[..., :1], wrist_cm[..., 1:2].clamp_min(_WRIST_CM), wrist_cm[..., 2:]), -1)


def elbows_off_ground(
    pole: Float[Tensor, "f 2 3"], up: Float[Tensor, "f 2 3"], shoulder_height_cm: Float[Tensor, "f 2"]
) -> Float[Tensor, "f 2 3"]:
    """Elbow directions that turn aside, not downward (against ``up``), where the shoulder is close to the ground."""
    low = ((_ELBOW_SAFE_CM - shoulder_height_cm) / (_ELBOW_SAFE_CM - _ELBOW_LOW_CM)).clamp(0, 1)
    down = (low * -(pole * up).sum(-1)).clamp_min(0)[..., None]
    aside = _ASIDE - (_ASIDE * up).sum(-1, keepdim=True) * up
    return pole + down * (up + aside)


def eased(curve: Float[Tensor, "f *d"], frames: float) -> Float[Tensor, "f *d"]:
    """A curve through a Gaussian of the given deviation in time, its ends held: obstacles turn corners round."""
    reach = round(3 * frames)
    kernel = torch.exp(-0.5 * (torch.arange(-reach, reach + 1) / frames) ** 2)
    flat = curve.reshape(len(curve), -1).T[:, None]
    flat = torch.nn.functional.pad(flat, (reach, reach), mode="replicate")
    return torch.nn.functional.conv1d(flat, (kernel / kernel.sum())[None, None])[:, 0].T.reshape(curve.shape)
