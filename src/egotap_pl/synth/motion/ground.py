"""Contact with the ground."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from egotap_pl.synth.figure import BONES, REST_OFFSETS, forward_kinematics

_CLEARANCE = {
    "pelvis": 10.0,
    "spine": 10.0,
    "chest": 11.0,
    "neck": 6.0,
    "head": 10.0,
    "clavicle": 7.0,
    "upperarm": 6.0,
    "lowerarm": 4.0,
    "hand": 3.0,
    "finger": 1.5,
    "thigh": 8.0,
    "calf": 5.0,
    "foot": 4.0,
    "ball": 3.0,
}
CLEARANCE_CM: Float[Tensor, "bone"] = torch.tensor(
    [_CLEARANCE[name.removesuffix("_l").removesuffix("_r")] for name in BONES]
)
"""Height of each bone's origin when its flesh, or its sole, rests on the ground; average figure."""

_HEEL_CM = torch.tensor([0.0, -6.0, -4.0])
_FEET = [BONES.index("foot_l"), BONES.index("foot_r")]


def lowest_cm(rotations: Float[Tensor, "f bone 3 3"], root_cm: Float[Tensor, "f 3"]) -> Float[Tensor, "f"]:
    """Height (cm) of the average figure's lowest point, among all bones and both heels."""
    positions, orientations = forward_kinematics(REST_OFFSETS, rotations, root_cm)
    heels = positions[:, _FEET] + orientations[:, _FEET] @ _HEEL_CM
    points = torch.cat((positions[..., 1] - CLEARANCE_CM, heels[..., 1] - 3.0), 1)
    return points.amin(1)


def grounded(
    rotations: Float[Tensor, "f bone 3 3"], root_cm: Float[Tensor, "f 3"], lift_cm: Float[Tensor, "f"]
) -> Float[Tensor, "f 3"]:
    """Root positions (cm) that put the lowest point of the average figure at a given height, frame by frame.

    Args:
        rotations: rotation of each bone relative to its parent.
        root_cm: position of the pelvis before.
        lift_cm: height of the lowest point above the ground.
    """
    rise = lift_cm - lowest_cm(rotations, root_cm)
    return root_cm + torch.stack((torch.zeros_like(rise), rise, torch.zeros_like(rise)), -1)
