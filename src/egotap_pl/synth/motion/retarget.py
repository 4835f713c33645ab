"""Retargeting, for all motion capture: from joint positions of any human skeleton to the figure's bone rotations."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import roma
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize

from egotap_pl.synth.figure import BONES, PARENTS, REST_OFFSETS, Clip
from egotap_pl.synth.motion.ground import grounded, lowest_cm
from egotap_pl.synth.motion.ik import carried
from egotap_pl.synth.motion.mirror import mirrored
from egotap_pl.synth.motion.solver import LEG_CM
from egotap_pl.synth.motion.source import FPS, generator
from egotap_pl.synth.motion.tracks import smooth

REQUIRED: tuple[str, ...] = (
    "neck",
    "head",
    *(f"{part}_{side}" for part in ("upperarm", "lowerarm", "hand", "thigh", "calf", "foot") for side in "lr"),
)
"""Joints that a source must provide, named after the figure's bone that begins there."""
OPTIONAL: tuple[str, ...] = ("chest", "face", "finger_l", "finger_r", "ball_l", "ball_r")
"""Points that a source may provide: ``chest`` is about half-way up the spine, ``face`` straight ahead of ``head``."""

_REST = {name: normalize(REST_OFFSETS[i], dim=0) for i, name in enumerate(BONES) if i}
# How far a limb must bend (sine of the bend) for the bend to count more than the usual front.
_STRAIGHT = 0.06
_TEMPO = (0.85, 1.15)


def swing(source: Float[Tensor, "*n 3"], target: Float[Tensor, "*n 3"]) -> Float[Tensor, "*n 3 3"]:
    """The smallest rotation that takes one unit vector to another; if they are opposite, any half turn."""
    opposite = ((source * target).sum(-1, keepdim=True) < -0.999).to(source)
    target = normalize(target + 0.06 * opposite * source.roll(1, -1).abs().add(0.1), dim=-1)
    axes = torch.eye(3).expand(*source.shape[:-1], 3, 3)
    turned = carried(axes, source[..., None, :].expand_as(axes), target[..., None, :].expand_as(axes))
    return roma.special_gramschmidt(turned.mT)


def _frame(left: Float[Tensor, "f 3"], up: Float[Tensor, "f 3"]) -> Float[Tensor, "f 3 3"]:
    left = normalize(left, dim=-1)
    forward = normalize(torch.linalg.cross(left, up), dim=-1)
    return torch.stack((left, torch.linalg.cross(forward, left), forward), -1)


def _hinged(
    parent: Float[Tensor, "f 3 3"],
    rest: Float[Tensor, "3"],
    upper: Float[Tensor, "f 3"],
    lower: Float[Tensor, "f 3"],
    front_sign: float,
) -> Float[Tensor, "f 3 3"]:
    """Orientation of an upper arm or thigh along ``upper`` with its front in the plane of the bend.

    The front of an almost straight limb is that after the smallest rotation from the rest pose.
    """
    local = (parent.mT @ upper[..., None])[..., 0]
    usual = (parent @ swing(rest.expand_as(local), local))[..., 2]
    bent = front_sign * (lower - upper * (lower * upper).sum(-1, keepdim=True))
    front = bent + _STRAIGHT * usual
    front = normalize(front - upper * (front * upper).sum(-1, keepdim=True), dim=-1)
    # The bone's direction and its front are two of its three axes; which axis the direction is depends on the limb.
    bone = int(rest.abs().argmax())
    along = upper * rest[bone].sign()
    third = torch.linalg.cross(front, along) if bone == 0 else torch.linalg.cross(along, front)
    axes = (along, third, front) if bone == 0 else (third, along, front)
    return torch.stack(axes, -1)


def _swung(
    parent: Float[Tensor, "f 3 3"], rest: Float[Tensor, "3"], to: Float[Tensor, "f 3"]
) -> Float[Tensor, "f 3 3"]:
    local = (parent.mT @ to[..., None])[..., 0]
    return parent @ swing(rest.expand_as(local), local)


def retarget(
    points: Mapping[str, Float[Tensor, "f 3"]],
) -> tuple[Float[Tensor, "f bone 3 3"], Float[Tensor, "f 3"]]:
    """Rotation of every bone relative to its parent, and position of the pelvis (cm).

    The directions of the limbs are kept; their lengths are the figure's. The path is scaled by the ratio of the legs.

    Args:
        points: positions of all joints of `REQUIRED` and any of `OPTIONAL`, Y up, in any unit.
    """

    def toward(start: str, end: str) -> Tensor:
        return normalize(points[end] - points[start], dim=-1)

    hip = (points["thigh_l"] + points["thigh_r"]) / 2
    middle = points.get("chest", (hip + points["neck"]) / 2)
    world = {
        "pelvis": _frame(points["thigh_l"] - points["thigh_r"], middle - hip),
        "chest": _frame(points["upperarm_l"] - points["upperarm_r"], points["neck"] - middle),
    }
    between = roma.rotmat_to_rotvec(world["pelvis"].mT @ world["chest"])
    world["spine"] = world["pelvis"] @ roma.rotvec_to_rotmat(between / 2)
    world["neck"] = _swung(world["chest"], _REST["head"], toward("neck", "head"))
    world["head"] = world["neck"]
    if "face" in points:
        ahead = toward("head", "face")
        world["head"] = _frame(torch.linalg.cross(world["neck"][..., 1], ahead), world["neck"][..., 1])
    for side in "lr":
        arm, forearm = toward(f"upperarm_{side}", f"lowerarm_{side}"), toward(f"lowerarm_{side}", f"hand_{side}")
        thigh, shin = toward(f"thigh_{side}", f"calf_{side}"), toward(f"calf_{side}", f"foot_{side}")
        upper = _hinged(world["chest"], _REST[f"lowerarm_{side}"], arm, forearm, 1.0)
        leg = _hinged(world["pelvis"], _REST[f"calf_{side}"], thigh, shin, -1.0)
        world |= {f"clavicle_{side}": world["chest"], f"upperarm_{side}": upper, f"thigh_{side}": leg}
        world[f"lowerarm_{side}"] = _swung(upper, _REST[f"hand_{side}"], forearm)
        world[f"calf_{side}"] = _swung(leg, _REST[f"foot_{side}"], shin)
        for bone, parent, tip in (("hand", "lowerarm", "finger"), ("foot", "calf", "ball")):
            at = world[f"{parent}_{side}"]
            has = f"{tip}_{side}" in points
            world[f"{bone}_{side}"] = (
                _swung(at, _REST[f"{tip}_{side}"], toward(f"{bone}_{side}", f"{tip}_{side}")) if has else at
            )
    return _relative(world), _root_path(points, hip, world["pelvis"])


def _relative(world: Mapping[str, Float[Tensor, "f 3 3"]]) -> Float[Tensor, "f bone 3 3"]:
    rotations = []
    for bone, name in enumerate(BONES):
        parent = BONES[PARENTS[bone]]
        if bone == 0:
            rotations.append(world[name])
        else:  # toes and fingers follow their parents
            rotations.append(world[parent].mT @ world.get(name, world[parent]))
    return roma.special_gramschmidt(torch.stack(rotations, 1))


def _root_path(
    points: Mapping[str, Tensor], hip: Float[Tensor, "f 3"], pelvis: Float[Tensor, "f 3 3"]
) -> Float[Tensor, "f 3"]:
    lengths = [
        (points[f"thigh_{s}"] - points[f"calf_{s}"]).norm(dim=-1)
        + (points[f"calf_{s}"] - points[f"foot_{s}"]).norm(dim=-1)
        for s in "lr"
    ]
    scale = LEG_CM / torch.stack(lengths).median()
    below = REST_OFFSETS[BONES.index("thigh_l")] * torch.tensor([0.0, 1.0, 1.0])
    return hip * scale - pelvis @ below


def clip_frames(seconds: float, name: str, seed: int) -> int:
    """Number of frames of a `captured_clip`.

    Args:
        seconds: time from the first to the last frame of the motion.
        name: the motion's name.
        seed: seed of the variation.
    """
    return math.ceil((seconds + 1e-6) / (generator(name, seed).uniform(*_TEMPO) / FPS))


def captured_clip(
    points: Mapping[str, Float[Tensor, "f 3"]],
    times: Float[np.ndarray, "f"],
    category: str,
    name: str,
    seed: int,
) -> Clip:
    """Resample a captured motion, retarget it and set it on the ground.

    Jumps stay in the air: the ground is the level below which the lowest point of the body is for a fiftieth of the
    time. The seed varies the speed and swaps the sides for every other seed, at random.

    Args:
        points: positions of all joints of `REQUIRED` and any of `OPTIONAL`, Y up, in any unit.
        times: time of each frame in seconds.
        category: the motion's category.
        name: the motion's name.
        seed: seed of the variation.
    """
    style = generator(name, seed)
    tempo = style.uniform(*_TEMPO)
    at = np.arange(times[0], times[-1] + 1e-6, tempo / FPS)
    resampled = {
        key: torch.from_numpy(smooth(times, value.double().numpy(), at)).float() for key, value in points.items()
    }
    rotations, root_cm = retarget(resampled)
    lowest = lowest_cm(rotations, root_cm)
    root_cm = grounded(rotations, root_cm, (lowest - lowest.quantile(0.02)).clamp_min(0))
    root_cm = root_cm - root_cm[:1] * torch.tensor([1.0, 0.0, 1.0])
    clip = Clip(rotations=rotations, root_cm=root_cm, fps=FPS, category=category, name=name)
    return mirrored(clip) if style.random() < 0.5 else clip
