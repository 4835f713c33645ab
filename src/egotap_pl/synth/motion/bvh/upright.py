"""Which way is up in a BVH file, and whether it begins with a T-pose. Neither is written in the file."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize

from egotap_pl.core.errors import EgotapError
from egotap_pl.synth.motion.bvh.points import LIMBS, Points

AXES = ("y", "z")
"""The axes that may point up."""

_STANDS = 0.85  # cosine between an axis and the direction from the feet to the head
_SOME, _OFTEN, _MOST = 0.05, 0.2, 0.9  # of the frames
_FLOOR = (-0.04, 0.12)  # heights of the lowest joint above zero, in body heights
_T_POSE = 0.9  # cosine between a limb and where it is in a T-pose
_JUMP = 3.0  # times what the next frames move
_LEAST_JUMP = 0.35  # radians of a limb, or leg lengths of the hip


def up_axis(points: Points, rest: Mapping[str, Float[Tensor, "1 3"]], where: str) -> str:
    """The axis that points up: ``y`` or ``z``.

    It is the one along which the head is above the feet. A skeleton that stands while its rotations are zero, and does
    so in the motion, too, is believed. Otherwise the motion shows it. A person who stands along one axis may lie along
    the other; what tells them apart is the floor, which is at zero in most files.

    Args:
        points: positions of the joints of `retarget.REQUIRED`.
        rest: the same in a single frame with zero rotations.
        where: name of the file, for messages.

    Raises:
        EgotapError: if it cannot be told.
    """
    stands = {axis: _stands(points, axis) for axis in AXES}
    other, likely = sorted(AXES, key=lambda axis: (stands[axis], axis == "y"))
    floors = [axis for axis in AXES if _floor_is_at_zero(points, axis)]
    resting = [axis for axis in AXES if _is_stretched(rest) and _stands(rest, axis) == 1]
    if resting:
        if stands[resting[0]] >= max(stands[likely], _SOME):
            return resting[0]
        if len(floors) == 1:
            return floors[0]
        if floors and stands[likely] > _MOST:  # few people lie all the time with their feet at zero
            return likely
        if stands[likely] < _SOME or stands[resting[0]] > _OFTEN:
            return resting[0]
    elif stands[likely] >= max(4 * stands[other], _SOME):
        if floors != [other]:
            return likely
    elif len(floors) == 1:
        return floors[0]
    raise EgotapError(
        f"{where}: cannot tell which way is up: the head is above the feet along Y in {stands['y']:.0%} of the frames "
        f"and along Z in {stands['z']:.0%}{_at_rest(resting)}; say it: up: y or up: z"
    )


def _at_rest(resting: list[str]) -> str:
    return f", and along {resting[0].upper()} without rotations" if resting else ""


def _stands(points: Points, axis: str) -> float:
    """Share of the frames in which the head is above the feet along an axis."""
    body = normalize(points["head"] - (points["foot_l"] + points["foot_r"]) / 2, dim=-1)
    return (body[:, "xyz".index(axis)] > _STANDS).double().mean().item()


def _is_stretched(rest: Points) -> bool:
    """Whether a pose without rotations is one that a body can have: some rigs' limbs all lie along one axis then."""
    lengths = [(rest["head"] - rest[f"foot_{side}"]).norm().item() / max(_height(rest, side), 1e-9) for side in "lr"]
    return min(lengths) > _STANDS


def _height(points: Points, side: str = "l") -> float:
    hip = (points["thigh_l"] + points["thigh_r"]) / 2
    chain = (points["head"], points["neck"], hip, points[f"calf_{side}"], points[f"foot_{side}"])
    return sum((upper - lower).norm(dim=-1).median().item() for upper, lower in pairwise(chain))


def _floor_is_at_zero(points: Points, axis: str) -> bool:
    lowest = torch.stack([place[:, "xyz".index(axis)] for place in points.values()]).amin(0).quantile(0.02).item()
    return _FLOOR[0] < lowest / max(_height(points), 1e-9) < _FLOOR[1]


def t_pose_frames(points: Points) -> int:
    """Number of leading frames that show a T-pose from which the motion does not begin, but jumps.

    Args:
        points: positions of the joints of `retarget.REQUIRED`, in any axes and unit.
    """
    is_t_pose = _is_t_pose(points)
    leading = int(is_t_pose.long().cumprod(0).sum())
    jumps = _jumps(points)
    for count in range(1, min(leading, len(jumps) - 1) + 1):  # two frames of the motion remain
        if jumps[count - 1] > max(_LEAST_JUMP, _JUMP * jumps[count : count + 5].max().item()):
            return count
    return 0


def _limb(points: Points, start: str, end: str, side: str) -> Float[Tensor, "f 3"]:
    return normalize(points[f"{end}_{side}"] - points[f"{start}_{side}"], dim=-1)


def _is_t_pose(points: Points) -> Tensor:
    """Whether the arms point sideways and the legs down, relative to the trunk."""
    hip = (points["thigh_l"] + points["thigh_r"]) / 2
    up = normalize(points["neck"] - hip, dim=-1)
    left = points["thigh_l"] - points["thigh_r"]
    left = normalize(left - (left * up).sum(-1, keepdim=True) * up, dim=-1)
    cosines = []
    for start, end in LIMBS:
        for side, sign in (("l", 1.0), ("r", -1.0)):
            target = -up if start in ("thigh", "calf") else sign * left
            cosines.append((_limb(points, start, end, side) * target).sum(-1))
    return torch.stack(cosines).amin(0) > _T_POSE


def _jumps(points: Points) -> Float[Tensor, "g"]:
    """How far the body moves from each frame to the next: the limb that turns most, or the hip."""
    hip = (points["thigh_l"] + points["thigh_r"]) / 2
    leg = (points["thigh_l"] - points["foot_l"]).norm(dim=-1).amax().clamp_min(1e-9)
    moves = [hip.diff(dim=0).norm(dim=-1) / leg]
    for start, end in LIMBS:
        for side in "lr":
            limb = _limb(points, start, end, side)
            moves.append((limb[1:] - limb[:-1]).norm(dim=-1))
    return torch.stack(moves).amax(0)
