"""Where the joints of a BVH file are: forward kinematics of its channels."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from jaxtyping import Float
from torch import Tensor

from egotap_pl.synth.motion.bvh.text import BvhJoint, BvhText


def rest_places(bvh: BvhText) -> Float[Tensor, "joint 3"]:
    """Places of all joints while every rotation is zero, in the file's axes and unit."""
    at: list[Tensor] = []
    for joint in bvh.joints:
        offset = torch.tensor(joint.offset, dtype=torch.float64)
        at.append(at[joint.parent] + offset if joint.parent >= 0 else offset)
    return torch.stack(at)


def places(
    bvh: BvhText, joints: Iterable[int]
) -> tuple[dict[int, Float[Tensor, "f 3"]], dict[int, Float[Tensor, "f 3 3"]]]:
    """Places and orientations in the world of some of a file's joints, by index, in the file's axes and unit.

    A channel of a position replaces that coordinate of the joint's OFFSET, as in Blender. Angles turn about the joint's
    own axes, in the order of the channels.

    Args:
        bvh: the file.
        joints: indices of the joints. All joints above them are computed too, and returned.
    """
    wanted = set(joints)
    for index in range(len(bvh.joints) - 1, -1, -1):
        if index in wanted and bvh.joints[index].parent >= 0:
            wanted.add(bvh.joints[index].parent)
    at: dict[int, Tensor] = {}
    world: dict[int, Tensor] = {}
    column = 0
    for index, joint in enumerate(bvh.joints):
        width = len(joint.channels)
        if index in wanted:
            values = torch.from_numpy(bvh.values[:, column : column + width])
            offset, turn = _local(joint, values)
            if joint.parent >= 0:
                above = world[joint.parent]
                offset, turn = at[joint.parent] + (above @ offset[..., None])[..., 0], above @ turn
            at[index], world[index] = offset, turn
        column += width
    return at, world


def _local(joint: BvhJoint, values: Float[Tensor, "f channel"]) -> tuple[Float[Tensor, "f 3"], Float[Tensor, "f 3 3"]]:
    """Place and orientation of a joint relative to its parent."""
    offset = torch.tensor(joint.offset, dtype=torch.float64).repeat(len(values), 1)
    turn = torch.eye(3, dtype=torch.float64).expand(len(values), 3, 3)
    for channel, value in zip(joint.channels, values.unbind(1), strict=True):
        axis = "XYZ".index(channel[0])
        if channel.endswith("position"):
            offset[:, axis] = value
        else:
            turn = _about(turn, axis, torch.deg2rad(value))
    return offset, turn


def _about(turn: Float[Tensor, "f 3 3"], axis: int, angle: Float[Tensor, "f"]) -> Float[Tensor, "f 3 3"]:
    """An orientation turned further about one of its own axes."""
    one, two = (axis + 1) % 3, (axis + 2) % 3
    cos, sin = angle.cos()[:, None], angle.sin()[:, None]
    turned = turn.clone()
    turned[..., one] = turn[..., one] * cos + turn[..., two] * sin
    turned[..., two] = turn[..., two] * cos - turn[..., one] * sin
    return turned
