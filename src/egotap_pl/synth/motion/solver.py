"""From tracks to bone rotations: spine, clavicles, and arms and legs by two-bone inverse kinematics."""

from __future__ import annotations

import math

import numpy as np
import roma
import torch
from jaxtyping import Float
from torch import Tensor

from egotap_pl.synth.figure import BONES, REST_OFFSETS
from egotap_pl.synth.motion.ik import bend_to_reach, carried, middle_joint, swivelled
from egotap_pl.synth.motion.obstacles import above_ground, clear_of_body, eased, elbows_off_ground
from egotap_pl.synth.motion.tracks import Tracks

_OFFSET = {name: REST_OFFSETS[i] for i, name in enumerate(BONES)}
_SIDES = torch.tensor([1.0, -1.0])
UPPER_ARM_CM, FOREARM_CM = (_OFFSET[bone].norm().item() for bone in ("lowerarm_l", "hand_l"))
THIGH_CM, CALF_CM = (_OFFSET[bone].norm().item() for bone in ("calf_l", "foot_l"))
ARM_CM, LEG_CM = UPPER_ARM_CM + FOREARM_CM, THIGH_CM + CALF_CM
"""Lengths of the average figure's arm and leg."""
# In the rest pose the ankle is a little behind the knee, which the solver takes for a bend.
_REST_KNEE_RAD = math.asin(-_OFFSET["foot_l"][2].item() / CALF_CM)
ELBOW_LIMITS_DEG = (2.0, 150.0)
"""Smallest and largest bend of an elbow."""
KNEE_LIMITS_DEG = (2.0, 155.0)
"""Smallest and largest bend of a knee."""

# A direction of the arm, of a side, and that of its elbow. For the opposite direction of the arm that of the elbow is
# undefined, but it is behind the other shoulder, out of reach.
_ARM_REFERENCE = torch.nn.functional.normalize(torch.tensor([1.0, 0.0, 1.0]), dim=0)
_ELBOW_REFERENCE = torch.tensor([0.45, -0.77, -0.45])
_LEG_REFERENCE, _KNEE_REFERENCE = torch.tensor([0.0, -1.0, 0.0]), torch.tensor([0.0, 0.0, 1.0])


def about(axis: int, angle_deg: Float[Tensor, "*n"]) -> Float[Tensor, "*n 3 3"]:
    """Rotations about a coordinate axis (0 is x, 1 is y, 2 is z)."""
    return roma.rotvec_to_rotmat(torch.eye(3)[axis] * torch.deg2rad(angle_deg)[..., None])


def tensor(values: Float[np.ndarray, "*n"]) -> Float[Tensor, "*n"]:
    """The array of a curve as a float32 tensor."""
    return torch.from_numpy(np.ascontiguousarray(values)).float()


def pelvis_rotation(turn: Float[Tensor, "f 4"]) -> Float[Tensor, "f 3 3"]:
    """Orientation of the pelvis from its yaw, pitch, roll and spin (`Tracks.turn`)."""
    yaw, pitch, roll, spin = turn.unbind(-1)
    return about(1, yaw) @ about(0, pitch) @ about(2, -roll) @ about(1, spin)


def _bend(angles: Float[Tensor, "f 3"], share: float) -> Float[Tensor, "f 3 3"]:
    forward, side, twist = (share * angles).unbind(-1)
    return about(1, twist) @ about(0, forward) @ about(2, -side)


def torso(
    pelvis_cm: Float[Tensor, "f 3"], turn: Float[Tensor, "f 4"], spine: Float[Tensor, "f 3"]
) -> tuple[dict[str, Tensor], Float[Tensor, "f 3"], Float[Tensor, "f 3 3"]]:
    """Rotations of pelvis, spine and chest, and position (cm) and orientation of the chest in the world.

    Args:
        pelvis_cm: position of the pelvis in the world.
        turn: its yaw, pitch, roll and spin (`Tracks.turn`).
        spine: bend and twist of the spine (`Tracks.spine`).
    """
    bones = {"pelvis": pelvis_rotation(turn), "spine": _bend(spine, 0.5), "chest": _bend(spine, 0.5)}
    lower = bones["pelvis"] @ bones["spine"]
    at = pelvis_cm + bones["pelvis"] @ _OFFSET["spine"] + lower @ _OFFSET["chest"]
    return bones, at, lower @ bones["chest"]


def hips(pelvis_cm: Float[Tensor, "f 3"], pelvis: Float[Tensor, "f 3 3"]) -> Float[Tensor, "f 2 3"]:
    """Positions of both hip joints in the world (cm), from position and orientation of the pelvis."""
    offsets = torch.stack((_OFFSET["thigh_l"], _OFFSET["thigh_r"]))
    return pelvis_cm[:, None] + torch.einsum("fij,sj->fsi", pelvis, offsets)


def shoulders(chest_cm: Float[Tensor, "f 3"], chest: Float[Tensor, "f 3 3"]) -> Float[Tensor, "f 2 3"]:
    """Positions of both shoulder joints in the world (cm), with the clavicles at rest, from those of the chest."""
    offsets = torch.stack([_OFFSET[f"clavicle_{s}"] + _OFFSET[f"upperarm_{s}"] for s in "lr"])
    return chest_cm[:, None] + torch.einsum("fij,sj->fsi", chest, offsets)


def outward(points: Float[Tensor, "*n 2 3"]) -> Float[Tensor, "*n 2 3"]:
    """Points of both sides, from common axes to axes in which x points outward, and back: its own inverse."""
    return torch.cat((points[..., :1] * _SIDES[:, None], points[..., 1:]), -1)


def _clavicles(hand: Float[Tensor, "f 2 3"]) -> Float[Tensor, "f 2 3 3"]:
    """Rotations of the clavicles, which follow the hands: up with a raised arm, forward with one that reaches ahead."""
    direction = torch.nn.functional.normalize(hand, dim=-1)
    raised = (18 * direction[..., 1] + 8).clamp(-2, 26)
    forward = (14 * direction[..., 2] - 10 * direction[..., 0]).clamp(-12, 20)
    return about(1, -forward * _SIDES) @ about(2, raised * _SIDES)


def _wrists(tracks: Tracks, shoulder_cm: Tensor, chest: Tensor) -> Float[Tensor, "f 2 3"]:
    """Targets of the wrists: relative to the shoulder in the chest's axes, of a side, cm."""
    free = outward(eased(clear_of_body(tensor(tracks.hand) * ARM_CM), 1.0))
    free = above_ground(shoulder_cm + torch.einsum("fij,fsj->fsi", chest, free))
    wrist = torch.lerp(free, tensor(tracks.hand_world_cm), tensor(tracks.hand_planted)[..., None])
    return outward(torch.einsum("fji,fsj->fsi", chest, wrist - shoulder_cm))


def _elbow_poles(tracks: Tracks, direction: Tensor, shoulder_cm: Tensor, chest: Tensor) -> Float[Tensor, "f 2 3"]:
    """Directions of the elbows, for arms along ``direction`` (of a side)."""
    usual = carried(_ELBOW_REFERENCE.expand_as(direction), _ARM_REFERENCE.expand_as(direction), direction)
    straight = torch.zeros(direction.shape[:-1])
    usual = swivelled(usual, direction, straight)
    wanted = swivelled(usual, direction, torch.deg2rad(tensor(tracks.elbow)))
    up = outward(chest[:, None, 1].expand(-1, 2, 3))
    wanted = swivelled(elbows_off_ground(wanted, up, shoulder_cm[..., 1]), direction, straight)
    # The angle from the usual to the wanted direction as cosine and sine, so that it can be smoothed over time.
    across = torch.linalg.cross(direction, usual)
    turn = eased(torch.stack(((usual * wanted).sum(-1), (across * wanted).sum(-1)), -1), 3.0)
    return swivelled(usual, direction, torch.atan2(turn[..., 1], turn[..., 0]))


def _arms(tracks: Tracks, chest_cm: Tensor, chest: Tensor) -> dict[str, Tensor]:
    shoulder_cm = shoulders(chest_cm, chest)
    hand = _wrists(tracks, shoulder_cm, chest)
    clavicle = _clavicles(hand)
    base = torch.stack((_OFFSET["upperarm_l"], _OFFSET["upperarm_r"]))
    shift = torch.einsum("fsij,sj->fsi", clavicle, base) - base
    hand = hand - outward(shift)

    direction = torch.nn.functional.normalize(hand, dim=-1)
    pole = _elbow_poles(tracks, direction, shoulder_cm, chest)
    limits = [math.radians(angle) for angle in ELBOW_LIMITS_DEG]
    bend, distance = bend_to_reach(hand.norm(dim=-1), UPPER_ARM_CM, FOREARM_CM, limits[0], limits[1])
    elbow = outward(middle_joint(direction, pole, distance, UPPER_ARM_CM, FOREARM_CM))
    along = torch.nn.functional.normalize(elbow, dim=-1) * _SIDES[:, None]
    front = -outward(pole)
    front = torch.nn.functional.normalize(front - along * (front * along).sum(-1, keepdim=True), dim=-1)
    upper = torch.stack((along, torch.linalg.cross(front, along), front), -1)

    flexion, deviation, pronation = tensor(tracks.wrist).unbind(-1)
    lower = about(1, -torch.rad2deg(bend) * _SIDES) @ about(0, pronation)
    loose = about(2, -flexion * _SIDES) @ about(1, -deviation * _SIDES)
    flat = about(1, tensor(tracks.hand_yaw) - 90 * _SIDES)
    flat = (chest[:, None] @ upper @ lower).mT @ flat
    rotations = {
        "clavicle": clavicle,
        "upperarm": clavicle.mT @ upper,
        "lowerarm": lower,
        "hand": _limited(_between(loose, flat, tensor(tracks.hand_planted)), (80.0, 40.0, 85.0)),
    }
    return {f"{bone}_{side}": r[:, s] for bone, r in rotations.items() for s, side in enumerate("lr")}


def _between(
    start: Float[Tensor, "*n 3 3"], end: Float[Tensor, "*n 3 3"], share: Float[Tensor, "*n"]
) -> Float[Tensor, "*n 3 3"]:
    """Rotations between two, each with its own share of the way; roma's slerp has one share for the whole batch."""
    return start @ roma.rotvec_to_rotmat(share[..., None] * roma.rotmat_to_rotvec(start.mT @ end))


def _limited(rotation: Float[Tensor, "*n 3 3"], most_deg: tuple[float, float, float]) -> Float[Tensor, "*n 3 3"]:
    vector = roma.rotmat_to_rotvec(rotation)
    most = torch.deg2rad(torch.tensor(most_deg))
    return roma.rotvec_to_rotmat(vector.clamp(-most, most))


def _legs(tracks: Tracks, pelvis_cm: Tensor, pelvis: Tensor) -> dict[str, Tensor]:
    planted = torch.einsum("fji,fsj->fsi", pelvis, tensor(tracks.foot_world_cm) - hips(pelvis_cm, pelvis))
    weight = tensor(tracks.foot_planted)
    foot = torch.lerp(tensor(tracks.foot) * LEG_CM, outward(planted), weight[..., None])

    direction = torch.nn.functional.normalize(foot, dim=-1)
    pole = carried(_KNEE_REFERENCE.expand_as(direction), _LEG_REFERENCE.expand_as(direction), direction)
    pole = swivelled(pole, direction, -torch.deg2rad(tensor(tracks.knee)))
    limits = [math.radians(angle) + _REST_KNEE_RAD for angle in KNEE_LIMITS_DEG]
    bend, distance = bend_to_reach(foot.norm(dim=-1), THIGH_CM, CALF_CM, limits[0], limits[1])
    knee = outward(middle_joint(direction, pole, distance, THIGH_CM, CALF_CM))
    upward = -torch.nn.functional.normalize(knee, dim=-1)
    front = outward(pole)
    front = torch.nn.functional.normalize(front - upward * (front * upward).sum(-1, keepdim=True), dim=-1)
    thigh = torch.stack((torch.linalg.cross(upward, front), upward, front), -1)

    calf = about(0, torch.rad2deg(bend - _REST_KNEE_RAD))
    flat = about(1, tensor(tracks.foot_yaw)) @ about(0, tensor(tracks.foot_pitch))
    flat = (pelvis[:, None] @ thigh @ calf).mT @ flat
    ankle = _between(about(0, tensor(tracks.foot_pitch)), flat, weight)
    rotations = {"thigh": thigh, "calf": calf, "foot": _limited(ankle, (60.0, 35.0, 30.0))}
    return {f"{bone}_{side}": r[:, s] for bone, r in rotations.items() for s, side in enumerate("lr")}


def solve(tracks: Tracks) -> tuple[Float[Tensor, "f bone 3 3"], Float[Tensor, "f 3"]]:
    """Rotation of every bone relative to its parent, and position of the pelvis (cm), not yet set on the ground."""
    pelvis_cm = tensor(tracks.pelvis_cm)
    bones, chest_cm, chest = torso(pelvis_cm, tensor(tracks.turn), tensor(tracks.spine))
    head = tensor(tracks.head)
    bones |= {"neck": _bend(head, 0.4), "head": _bend(head, 0.6)}
    bones |= _arms(tracks, chest_cm, chest)
    bones |= _legs(tracks, pelvis_cm, bones["pelvis"])
    rest = torch.eye(3).expand(len(pelvis_cm), 3, 3)
    return torch.stack([bones.get(name, rest) for name in BONES], 1), pelvis_cm
