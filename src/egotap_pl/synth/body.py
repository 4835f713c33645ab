"""A clothed body: rounded parts on the bones of the figure.

A body part is the hull of two spheres (a tapered capsule), flattened along one axis if it is a chest, a palm or a foot.
Every part is rigid in the axes of the bone that carries it.
"""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from egotap_pl.synth.figure import BONES, PARENTS, REST_OFFSETS, forward_kinematics
from egotap_pl.synth.subject import Subject

_Vector = tuple[float, float, float]
_X, _Y, _Z = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)
_ORIGIN = (0.0, 0.0, 0.0)


class Wear(IntEnum):
    """What a body part wears: an index into `Subject.colours`; after these, the frame that holds the cameras."""

    SKIN = 0
    HAIR = 1
    SHIRT = 2
    TROUSERS = 3
    SHOES = 4
    FRAME = 5


@dataclass(frozen=True)
class BodyPart:
    """A rounded part of the average body, in the rest axes of its bone, cm."""

    name: str
    """Unique name; ends in ``_l`` or ``_r`` if the part is on a side of the body."""
    bone: str
    """Name of the bone that carries it."""
    start: _Vector
    """Centre of the first sphere."""
    end: _Vector
    """Centre of the second sphere."""
    radii: tuple[float, float]
    """Radii of the two spheres."""
    wear: Wear
    """What it wears."""
    thin: tuple[_Vector, float] = (_Z, 1.0)
    """The axis along which it is flattened, and by what factor."""
    reach: tuple[float, float] | None = None
    """Where on an arm or a leg it begins and ends: 0 is the shoulder or hip, 1 the elbow or knee, 2 the wrist or ankle.
    None: it is not on an arm or a leg, and its garment covers it completely."""
    weave: tuple[_Vector, _Vector] = (_Y, _X)
    """The axes of its cloth's pattern."""


_MIDDLE = (
    BodyPart("hips", "pelvis", (-6.5, -3.0, -1.0), (6.5, -3.0, -1.0), (10.0, 10.0), Wear.TROUSERS),
    BodyPart("belly", "pelvis", (0.0, 4.0, 0.8), (0.0, 12.0, 0.5), (13.2, 12.8), Wear.SHIRT, (_Z, 1.4)),
    BodyPart("waist", "spine", (0.0, 0.0, 0.8), (0.0, 15.0, 0.8), (12.8, 13.4), Wear.SHIRT, (_Z, 1.4)),
    BodyPart("ribs", "chest", (0.0, -2.0, 0.5), (0.0, 5.0, 0.5), (13.8, 13.0), Wear.SHIRT, (_Z, 1.35)),
    BodyPart("yoke", "chest", (-12.0, 11.0, 0.0), (12.0, 11.0, 0.0), (5.8, 5.8), Wear.SHIRT),
    BodyPart("neck", "neck", (0.0, -5.0, -0.3), (0.0, 9.0, 1.8), (5.6, 5.4), Wear.SKIN),
    BodyPart("skull", "head", (0.0, 8.0, -1.5), (0.0, 8.5, 1.0), (9.4, 8.4), Wear.HAIR, (_X, 1.2)),
    BodyPart("face", "head", (0.0, 6.5, 2.6), (0.0, -0.5, 4.4), (7.5, 5.6), Wear.SKIN, (_X, 1.1)),
    BodyPart("chin", "head", (0.0, -1.0, 4.0), (0.0, -3.6, 5.6), (4.4, 3.7), Wear.SKIN),
    BodyPart("nose", "head", (0.0, 6.8, 9.3), (0.0, 4.3, 10.5), (0.9, 1.1), Wear.SKIN),
)
_ARM_WEAVE = (_X, _Z)
_SIDE = (
    BodyPart("trapezius", "chest", (3.0, 17.0, -1.5), (13.0, 12.5, -1.5), (4.6, 4.6), Wear.SHIRT),
    BodyPart("breast", "chest", (6.2, 4.5, 3.8), (6.0, 6.0, 3.2), (6.6, 6.4), Wear.SHIRT),
    BodyPart("collar", "clavicle", (0.0, -0.5, 0.0), (15.0, -2.0, -1.5), (5.0, 5.7), Wear.SHIRT),
    BodyPart(
        "upperarm", "upperarm", _ORIGIN, (27.5, 0.0, 0.0), (5.7, 4.3), Wear.SHIRT, reach=(0.0, 1.0), weave=_ARM_WEAVE
    ),
    BodyPart("elbow", "lowerarm", _ORIGIN, (8.0, 0.0, 0.0), (4.2, 4.6), Wear.SHIRT, reach=(1.0, 1.3), weave=_ARM_WEAVE),
    BodyPart(
        "forearm",
        "lowerarm",
        (8.0, 0.0, 0.0),
        (25.5, 0.0, 0.0),
        (4.6, 2.9),
        Wear.SHIRT,
        reach=(1.3, 2.0),
        weave=_ARM_WEAVE,
    ),
    BodyPart("palm", "hand", (2.0, 0.0, 0.0), (7.0, 0.0, -0.7), (3.8, 4.3), Wear.SKIN, (_Y, 2.2)),
    BodyPart("thumb", "hand", (2.5, -0.4, 2.2), (8.0, -1.2, 5.8), (1.6, 1.0), Wear.SKIN),
    BodyPart("index", "hand", (8.0, 0.0, 2.2), (15.0, -0.3, 2.5), (1.15, 0.85), Wear.SKIN),
    BodyPart("middle", "hand", (8.5, 0.0, 0.1), (15.8, -0.1, 0.0), (1.15, 0.85), Wear.SKIN),
    BodyPart("ring", "hand", (8.2, 0.0, -1.9), (15.2, -0.3, -2.1), (1.1, 0.8), Wear.SKIN),
    BodyPart("little", "hand", (7.4, 0.0, -3.7), (12.8, -0.3, -4.2), (1.0, 0.75), Wear.SKIN),
    BodyPart("thigh", "thigh", (0.0, 0.0, 0.0), (0.0, -42.0, 0.0), (9.2, 6.1), Wear.TROUSERS, reach=(0.0, 1.0)),
    BodyPart("shin", "calf", (0.0, 0.0, 0.0), (0.0, -39.0, -1.0), (5.8, 4.0), Wear.TROUSERS, reach=(1.0, 1.95)),
    BodyPart("calf", "calf", (0.0, -6.0, -1.6), (0.0, -20.0, -1.6), (5.2, 4.5), Wear.TROUSERS, reach=(1.15, 1.5)),
    BodyPart("ankle", "foot", (0.0, 1.0, 0.0), (0.0, -4.0, 0.5), (4.1, 4.0), Wear.SHOES),
    BodyPart("foot", "foot", (0.0, -5.3, -3.5), (0.0, -4.9, 12.0), (3.8, 4.3), Wear.SHOES, (_Y, 1.3)),
    BodyPart("toes", "ball", (0.0, 0.6, 0.0), (0.0, 0.2, 5.0), (4.3, 3.5), Wear.SHOES, (_Y, 1.6)),
)


def _mirrored(vector: _Vector) -> _Vector:
    return (-vector[0], vector[1], vector[2])


def _sides(part: BodyPart) -> tuple[BodyPart, BodyPart]:
    bone = {suffix: part.bone if part.bone in BONES else f"{part.bone}_{suffix}" for suffix in "lr"}
    left = replace(part, name=f"{part.name}_l", bone=bone["l"])
    right = replace(part, name=f"{part.name}_r", bone=bone["r"], start=_mirrored(part.start), end=_mirrored(part.end))
    return left, right


PARTS: tuple[BodyPart, ...] = (*_MIDDLE, *(side for part in _SIDE for side in _sides(part)))
"""The parts of the average body."""

_TOUCH_CM = 1.0


class PlacedParts(NamedTuple):
    """Body parts placed in some coordinate frame, the world's or a camera's."""

    start_cm: Float[Tensor, "*n part 3"]
    """Centre of each part's first sphere."""
    end_cm: Float[Tensor, "*n part 3"]
    """Centre of each part's second sphere."""
    thin: Float[Tensor, "*n part 3"]
    """Unit axis along which each part is flattened."""
    weave: Float[Tensor, "*n part 2 3"]
    """The two unit axes of each part's cloth."""


class Body:
    """The body of a subject: `PARTS`, stretched, thickened and dressed.

    Args:
        subject: whose body it is.
        worn: what holds the cameras (`mount.HeadMount.parts`), in cm on a head of any size.
    """

    parts: tuple[BodyPart, ...]
    """`PARTS`, then what holds the cameras."""
    offsets_cm: Float[Tensor, "bone 3"]
    """Origin of each bone relative to its parent's in the rest pose."""
    radii_cm: Float[Tensor, "part 2"]
    """Radii of each part's two spheres."""
    thinness: Float[Tensor, "part"]
    """Factor by which each part is flattened; 1 is round."""
    cover: Float[Tensor, "part"]
    """Fraction of each part, from its start, that its garment covers; 1 or more is all of it."""
    wear: Int[Tensor, "part"]
    """The `Wear` of each part."""

    def __init__(self, subject: Subject, worn: tuple[BodyPart, ...] = ()) -> None:
        self.subject, self.parts = subject, PARTS + worn
        own = [True] * len(PARTS) + [False] * len(worn)  # what is worn has the same size on everybody
        bones = [part.bone for part in self.parts]
        stretch = torch.tensor([subject.stretch(bone) for bone in BONES])
        self.bone = torch.tensor([BONES.index(bone) for bone in bones])
        self.offsets_cm = REST_OFFSETS * stretch[torch.tensor(PARENTS)]
        stretched = torch.where(torch.tensor(own)[:, None], stretch[self.bone], 1.0)
        self._start = torch.tensor([part.start for part in self.parts]) * stretched
        self._end = torch.tensor([part.end for part in self.parts]) * stretched
        self._thin = torch.tensor([part.thin[0] for part in self.parts])
        self._weave = torch.tensor([part.weave for part in self.parts])
        self.thinness = torch.tensor([part.thin[1] for part in self.parts])
        self.wear = torch.tensor([int(part.wear) for part in self.parts])
        thickness = [subject.thickness(bone) if scaled else 1.0 for bone, scaled in zip(bones, own, strict=True)]
        self.radii_cm = torch.tensor([part.radii for part in self.parts]) * torch.tensor(thickness)[:, None]
        self.radii_cm += torch.tensor([subject.looseness_cm(int(part.wear)) for part in self.parts])[:, None]
        self.cover = torch.tensor([_cover(part, subject) for part in self.parts])

    def to(self, device: torch.device) -> Body:
        """The same body on another device."""
        moved = copy(self)
        for name, value in vars(self).items():
            if isinstance(value, Tensor):
                setattr(moved, name, value.to(device))
        return moved

    def place(
        self, positions_cm: Float[Tensor, "frame bone 3"], orientations: Float[Tensor, "frame bone 3 3"]
    ) -> PlacedParts:
        """The body parts in the world.

        Args:
            positions_cm: origin of every bone in the world (`figure.forward_kinematics`).
            orientations: orientation of every bone in the world.
        """
        position, turn = positions_cm[:, self.bone], orientations[:, self.bone]

        def turned(local: Tensor) -> Tensor:
            return torch.einsum("fpij,pj->fpi", turn, local)

        return PlacedParts(
            position + turned(self._start),
            position + turned(self._end),
            turned(self._thin),
            torch.einsum("fpij,pkj->fpki", turn, self._weave),
        )

    def lowest_cm(
        self, positions_cm: Float[Tensor, "frame bone 3"], orientations: Float[Tensor, "frame bone 3 3"]
    ) -> Float[Tensor, "frame"]:
        """Height of the body's lowest point, flattening included: the sole itself, not the sphere around it.

        Args:
            positions_cm: origin of every bone in the world (`figure.forward_kinematics`).
            orientations: orientation of every bone in the world.
        """
        parts = self.place(positions_cm, orientations)
        upright = parts.thin[..., 1].square()
        # Support of a flattened sphere along Y: r * sqrt(1 - n^2 + (n / s)^2)
        reach = (1 - upright + upright / self.thinness.square()).sqrt()
        start = parts.start_cm[..., 1] - reach * self.radii_cm[:, 0]
        end = parts.end_cm[..., 1] - reach * self.radii_cm[:, 1]
        return torch.minimum(start, end).amin(-1)

    def touching(self, bones: Int[Tensor, "j"]) -> tuple[Bool[Tensor, "j part"], Float[Tensor, "j"]]:
        """For each bone, the parts that contain or touch its origin in the rest pose, and their largest radius (cm)."""
        rest = torch.eye(3, device=bones.device).expand(1, len(BONES), 3, 3)
        positions, orientations = forward_kinematics(self.offsets_cm, rest, rest.new_zeros(1, 3))
        parts = self.place(positions, orientations)
        start, axis = parts.start_cm[0], parts.end_cm[0] - parts.start_cm[0]
        to_joint = positions[0, bones][:, None] - start
        along = ((to_joint * axis).sum(-1) / axis.square().sum(-1).clamp(min=1e-6)).clamp(0, 1)
        off = to_joint - along[..., None] * axis
        across = (off * parts.thin[0]).sum(-1) * (self.thinness - 1)
        gap = (off + across[..., None] * parts.thin[0]).norm(dim=-1)
        radius = self.radii_cm[:, 0] + along * (self.radii_cm[:, 1] - self.radii_cm[:, 0])
        touching = gap <= radius + _TOUCH_CM
        return touching, torch.where(touching, radius, radius.new_zeros(())).amax(-1)


def _cover(part: BodyPart, subject: Subject) -> float:
    if part.reach is None:
        return 2.0
    length = subject.sleeve if part.wear == Wear.SHIRT else subject.trouser_leg
    start, end = part.reach
    return min(max((length - start) / (end - start), -1.0), 2.0)
