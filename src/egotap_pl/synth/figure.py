"""The articulated figure that EgoSynth animates: bones, rest pose and forward kinematics.

A bone is what animation calls one: a joint with axes of its own. It is not a limb of a `Skeleton`.

World axes: X to the figure's left, Y up, Z forward (the figure faces +Z in the rest pose), right-handed, cm. The rest
pose is a T-pose with straight arms and legs, in which the axes of every bone are the world's.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

# name: (parent, rest offset from the parent in cm) for a figure of about 172 cm; the right side mirrors the left one
_MIDLINE = {
    "pelvis": (None, (0.0, 0.0, 0.0)),
    "spine": ("pelvis", (0.0, 12.0, -1.0)),
    "chest": ("spine", (0.0, 17.0, -1.0)),
    "neck": ("chest", (0.0, 20.0, 0.0)),
    "head": ("neck", (0.0, 11.0, 2.0)),
}
_LEFT = {
    "clavicle": ("chest", (2.5, 15.0, 1.0)),
    "upperarm": ("clavicle", (15.0, -2.0, -1.5)),
    "lowerarm": ("upperarm", (27.5, 0.0, 0.0)),
    "hand": ("lowerarm", (25.5, 0.0, 0.0)),
    "finger": ("hand", (16.0, 0.0, 0.0)),
    "thigh": ("pelvis", (9.0, -4.0, 0.0)),
    "calf": ("thigh", (0.0, -42.0, 0.0)),
    "foot": ("calf", (0.0, -41.0, -1.0)),
    "ball": ("foot", (0.0, -6.0, 14.0)),
}


def _bones() -> tuple[list[str], list[int], list[tuple[float, float, float]]]:
    names: list[str] = []
    parents: list[int] = []
    offsets: list[tuple[float, float, float]] = []

    def add(name: str, parent: str | None, offset: tuple[float, float, float]) -> None:
        parents.append(0 if parent is None else names.index(parent))
        names.append(name)
        offsets.append(offset)

    for name, (parent, offset) in _MIDLINE.items():
        add(name, parent, offset)
    for side, sign in (("l", 1.0), ("r", -1.0)):
        for name, (parent, (x, y, z)) in _LEFT.items():
            add(f"{name}_{side}", parent if parent in _MIDLINE else f"{parent}_{side}", (sign * x, y, z))
    return names, parents, offsets


_names, _parents, _offsets = _bones()
BONES: tuple[str, ...] = tuple(_names)
"""Names of the bones; the origin of a bone is the joint at its near end. Parents come before children."""
PARENTS: tuple[int, ...] = tuple(_parents)
"""Index of each bone's parent; the pelvis is its own."""
REST_OFFSETS: Float[Tensor, "bone 3"] = torch.tensor(_offsets)
"""Origin of each bone relative to its parent's, cm, in the average figure's rest pose."""

JOINT_BONES = {
    "unrealego": {"neck_01": "neck"},
    "egocap": {
        "neck": "neck",
        **{
            f"{side}_{joint}": f"{bone}_{side[0]}"
            for side in ("left", "right")
            for joint, bone in {
                "shoulder": "upperarm",
                "elbow": "lowerarm",
                "wrist": "hand",
                "finger": "finger",
                "hip": "thigh",
                "knee": "calf",
                "ankle": "foot",
                "toe": "ball",
            }.items()
        },
    },
}
"""For each skeleton, the bones of the joints that have another name. EgoCap's ``cam`` is the left camera itself."""


def bone_of(skeleton_name: str, joint: str) -> int:
    """Index of the bone whose origin is the given joint of a skeleton.

    Raises:
        KeyError: if the figure has no such bone (EgoCap's ``cam`` is not part of the body).
    """
    name = JOINT_BONES.get(skeleton_name, {}).get(joint, joint)
    if name not in BONES:
        raise KeyError(f"the figure has no bone for joint {joint!r} of skeleton {skeleton_name!r}")
    return BONES.index(name)


@dataclass(frozen=True)
class Clip:
    """A motion of the average figure, from any source."""

    rotations: Float[Tensor, "frame bone 3 3"]
    """Rotation of each bone relative to its parent, in the rest pose's axes; the identity is the rest pose."""
    root_cm: Float[Tensor, "frame 3"]
    """Position of the pelvis in the world; the ground is y = 0."""
    fps: float
    """Frames per second."""
    category: str
    """One of UnrealEgo's 30 motion categories."""
    name: str
    """Identity of the motion within its source, e.g. ``procedural/boxing/0007``."""


def forward_kinematics(
    offsets_cm: Float[Tensor, "bone 3"],
    rotations: Float[Tensor, "frame bone 3 3"],
    root_cm: Float[Tensor, "frame 3"],
) -> tuple[Float[Tensor, "frame bone 3"], Float[Tensor, "frame bone 3 3"]]:
    """Positions (cm) and orientations of all bones in the world.

    Args:
        offsets_cm: origin of each bone relative to its parent's in the rest pose.
        rotations: rotation of each bone relative to its parent.
        root_cm: position of the pelvis in the world.
    """
    positions: list[Tensor] = [root_cm]
    orientations: list[Tensor] = [rotations[:, 0]]
    for bone in range(1, len(BONES)):
        parent = PARENTS[bone]
        positions.append(positions[parent] + orientations[parent] @ offsets_cm[bone])
        orientations.append(orientations[parent] @ rotations[:, bone])
    return torch.stack(positions, 1), torch.stack(orientations, 1)
