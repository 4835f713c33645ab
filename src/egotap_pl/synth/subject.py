"""A subject: the build and clothes of a person."""

from __future__ import annotations

import colorsys
from dataclasses import dataclass

import numpy as np

_AVERAGE_CM = 172.0
_TORSO = ("pelvis", "spine", "chest", "neck")
_HEAD_SHARE = 0.35  # of a difference in height: tall people have small heads
_TWO_LENGTHS = 2.2

# Hue, saturation, value of what people wear; a subject's colours vary around one of each.
_SHIRTS = (
    (0.0, 0.0, 0.88), (0.0, 0.0, 0.15), (0.0, 0.0, 0.5), (0.6, 0.6, 0.45), (0.58, 0.35, 0.75), (0.0, 0.75, 0.6),
    (0.33, 0.4, 0.42), (0.12, 0.45, 0.8), (0.08, 0.5, 0.55), (0.78, 0.35, 0.5),
)  # fmt: skip
_TROUSERS = ((0.6, 0.5, 0.35), (0.6, 0.35, 0.55), (0.0, 0.0, 0.13), (0.0, 0.0, 0.4), (0.1, 0.35, 0.6), (0.25, 0.3, 0.3))
_SHOES = ((0.0, 0.0, 0.92), (0.0, 0.0, 0.12), (0.07, 0.55, 0.35), (0.0, 0.7, 0.55), (0.6, 0.5, 0.4))
_SKINS = ((0.06, 0.30, 0.93), (0.06, 0.38, 0.84), (0.07, 0.48, 0.68), (0.06, 0.52, 0.48), (0.05, 0.5, 0.32))
_HAIR = ((0.08, 0.5, 0.15), (0.08, 0.55, 0.3), (0.11, 0.5, 0.65), (0.0, 0.0, 0.08), (0.0, 0.0, 0.6))

Colour = tuple[float, float, float]
"""RGB in 0..1."""


@dataclass(frozen=True)
class Subject:
    """The build and clothes of a person. Lengths and girths without a unit are factors of the average figure's."""

    name: str
    """Identity within the data set."""
    height_cm: float = _AVERAGE_CM
    """Approximate height from sole to crown."""
    torso: float = 1.0
    """Length of the torso."""
    arm: float = 1.0
    """Length of the arms."""
    leg: float = 1.0
    """Length of the legs."""
    width: float = 1.0
    """Width of shoulders and hips."""
    girth: float = 1.0
    """Thickness of the torso."""
    limb_girth: float = 1.0
    """Thickness of arms and legs."""
    loose_shirt_cm: float = 0.5
    """Distance of the shirt from the body."""
    loose_trousers_cm: float = 0.5
    """Distance of the trousers from the body."""
    sleeve: float = 0.6
    """Length of the sleeves: 0 none, 1 to the elbow, 2 or more to the wrist."""
    trouser_leg: float = _TWO_LENGTHS
    """Length of the trouser legs: 0 none, 1 to the knee, 2 or more to the ankle."""
    colours: tuple[Colour, Colour, Colour, Colour, Colour] = (
        (0.85, 0.65, 0.55),
        (0.15, 0.1, 0.08),
        (0.7, 0.7, 0.75),
        (0.2, 0.25, 0.4),
        (0.9, 0.9, 0.9),
    )
    """Of skin, hair, shirt, trousers and shoes, in the order of `body.Wear`."""
    frame: Colour = (0.16, 0.13, 0.11)
    """Of the glasses that hold the cameras."""
    trim: Colour = (0.2, 0.2, 0.5)
    """Second colour of the shirt's pattern."""
    stripes: tuple[float, float] = (0.0, 0.0)
    """Strength of the shirt's stripes along its two axes, 0 to 1; (0, 0) is plain, both above 0 is checked."""
    stripe_cm: float = 3.0
    """Width of a stripe."""

    @property
    def scale(self) -> float:
        """Height relative to the average figure's."""
        return self.height_cm / _AVERAGE_CM

    @property
    def head(self) -> float:
        """Size of the head relative to the average figure's."""
        return 1.0 + _HEAD_SHARE * (self.scale - 1.0)

    def stretch(self, bone: str) -> tuple[float, float, float]:
        """Scale of what a bone carries (the offsets of its children, its body parts) along its rest axes."""
        part, scale = bone.split("_")[0], self.scale
        if part == "head":
            return (self.head,) * 3
        if part in _TORSO:
            along = self.torso if part in ("spine", "chest", "pelvis") else 1.0
            return (scale * self.width, scale * along, scale)
        if part == "clavicle":
            return (scale * self.width, scale, scale)
        if part in ("upperarm", "lowerarm"):
            return (scale * self.arm,) * 3
        if part in ("thigh", "calf"):
            return (scale * self.leg,) * 3
        return (scale,) * 3

    def thickness(self, bone: str) -> float:
        """Scale of the radii of a bone's body parts."""
        part = bone.split("_")[0]
        if part == "head":
            return self.head
        if part in ("pelvis", "spine", "chest", "clavicle"):
            return self.scale * self.girth
        if part in ("upperarm", "lowerarm", "thigh", "calf"):
            return self.scale * self.limb_girth
        return self.scale

    def looseness_cm(self, wear: int) -> float:
        """Distance between the body and a garment, given as its `body.Wear`."""
        return (0.0, 0.0, self.loose_shirt_cm, self.loose_trousers_cm, 0.0, 0.0)[wear]

    @classmethod
    def random(cls, rng: np.random.Generator, name: str) -> Subject:
        """A random subject between 150 and 195 cm tall, with clothes in variations of a common palette.

        With a palette instead of arbitrary colours, networks learn from a few thousand frames what a sleeve looks like.
        """

        def around(centre: float, spread: float, limit: float) -> float:
            return float(np.clip(rng.normal(centre, spread), centre - limit, centre + limit))

        girth = around(1.02, 0.09, 0.17)
        pattern = ((0.0, 0.0), (0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (0.5, 0.5))[rng.integers(5)]
        return cls(
            name=name,
            height_cm=float(np.clip(rng.normal(172.0, 10.0), 150.0, 195.0)),
            torso=around(1.0, 0.03, 0.06),
            arm=around(1.0, 0.03, 0.06),
            leg=around(1.0, 0.03, 0.06),
            width=around(1.0, 0.05, 0.1),
            girth=girth,
            limb_girth=1.0 + 0.7 * (girth - 1.0) + around(0.0, 0.04, 0.08),
            loose_shirt_cm=float(rng.uniform(0.2, 1.2)),
            loose_trousers_cm=float(rng.uniform(0.2, 1.5)),
            sleeve=float(rng.choice([rng.uniform(0.35, 0.9), rng.uniform(1.5, 2.0), _TWO_LENGTHS])),
            trouser_leg=float(rng.choice([rng.uniform(0.6, 1.1), _TWO_LENGTHS, _TWO_LENGTHS])),
            colours=(
                _pick(rng, _SKINS, 0.04),
                _pick(rng, _HAIR, 0.06),
                _pick(rng, _SHIRTS, 0.1),
                _pick(rng, _TROUSERS, 0.08),
                _pick(rng, _SHOES, 0.08),
            ),
            trim=_pick(rng, _SHIRTS, 0.1),
            stripes=pattern,
            stripe_cm=float(rng.uniform(1.5, 6.0)),
        )


def _pick(rng: np.random.Generator, palette: tuple[Colour, ...], spread: float) -> Colour:
    hue, saturation, value = palette[rng.integers(len(palette))]
    return colorsys.hsv_to_rgb(
        (hue + rng.normal(0.0, 0.15 * spread)) % 1.0,
        float(np.clip(saturation + rng.normal(0.0, spread), 0.0, 1.0)),
        float(np.clip(value + rng.normal(0.0, spread), 0.04, 0.97)),
    )
