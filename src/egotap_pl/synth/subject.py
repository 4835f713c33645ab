"""Who is seen: a person's build and clothes."""

from __future__ import annotations

import colorsys
from dataclasses import dataclass

import numpy as np

_AVERAGE_CM = 172.0
_TORSO = ("pelvis", "spine", "chest", "neck", "head")
_TWO_LENGTHS = 2.2

# Hue, saturation, value: what people wear, varied around each.
_SHIRTS = (
    (0.0, 0.0, 0.88), (0.0, 0.0, 0.15), (0.0, 0.0, 0.5), (0.6, 0.6, 0.45), (0.58, 0.35, 0.75), (0.0, 0.75, 0.6),
    (0.33, 0.4, 0.42), (0.12, 0.45, 0.8), (0.08, 0.5, 0.55), (0.78, 0.35, 0.5),
)  # fmt: skip
_TROUSERS = ((0.6, 0.5, 0.35), (0.6, 0.35, 0.55), (0.0, 0.0, 0.13), (0.0, 0.0, 0.4), (0.1, 0.35, 0.6), (0.25, 0.3, 0.3))
_SHOES = ((0.0, 0.0, 0.92), (0.0, 0.0, 0.12), (0.07, 0.55, 0.35), (0.0, 0.7, 0.55), (0.6, 0.5, 0.4))
_SKINS = ((0.06, 0.30, 0.93), (0.06, 0.38, 0.84), (0.07, 0.48, 0.68), (0.06, 0.52, 0.48), (0.05, 0.5, 0.32))
_HAIR = ((0.08, 0.5, 0.15), (0.08, 0.55, 0.3), (0.11, 0.5, 0.65), (0.0, 0.0, 0.08), (0.0, 0.0, 0.6))

Colour = tuple[float, float, float]


@dataclass(frozen=True)
class Subject:
    """A person's build and clothes. Lengths and girths are factors of the average figure's unless a unit is named.

    Fields:
        name: identity within the data set.
        height_cm: from sole to crown, about.
        torso, arm, leg, width: proportions of the torso's length, the arms, the legs, and of shoulders and hips.
        girth, limb_girth: thickness of the torso and of the limbs.
        loose_shirt_cm, loose_trousers_cm: how far the cloth stands off.
        sleeve, trouser_leg: 0 none, 1 to the elbow or knee, 2 to the wrist or ankle; more is the same as 2.
        colours: RGB in 0..1 of skin, hair, shirt, trousers and shoes, in the order of `body.Wear`.
        trim: the shirt pattern's second colour.
        stripes: how strongly the shirt is striped along its two axes (0, 0: plain; both: checked).
        stripe_cm: width of a stripe.
    """

    name: str
    height_cm: float = _AVERAGE_CM
    torso: float = 1.0
    arm: float = 1.0
    leg: float = 1.0
    width: float = 1.0
    girth: float = 1.0
    limb_girth: float = 1.0
    loose_shirt_cm: float = 0.5
    loose_trousers_cm: float = 0.5
    sleeve: float = 0.6
    trouser_leg: float = _TWO_LENGTHS
    colours: tuple[Colour, Colour, Colour, Colour, Colour] = (
        (0.85, 0.65, 0.55),
        (0.15, 0.1, 0.08),
        (0.7, 0.7, 0.75),
        (0.2, 0.25, 0.4),
        (0.9, 0.9, 0.9),
    )
    trim: Colour = (0.2, 0.2, 0.5)
    stripes: tuple[float, float] = (0.0, 0.0)
    stripe_cm: float = 3.0

    @property
    def scale(self) -> float:
        """Size against the average figure."""
        return self.height_cm / _AVERAGE_CM

    def stretch(self, bone: str) -> tuple[float, float, float]:
        """Scale of what a bone carries (its children's offsets, its parts) along its rest axes."""
        part, scale = bone.split("_")[0], self.scale
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
        """Scale of the radii of a bone's parts."""
        part = bone.split("_")[0]
        if part in ("pelvis", "spine", "chest", "clavicle"):
            return self.scale * self.girth
        if part in ("upperarm", "lowerarm", "thigh", "calf"):
            return self.scale * self.limb_girth
        return self.scale

    def looseness_cm(self, wear: int) -> float:
        """How far the cloth of a `body.Wear` stands off the body."""
        return (0.0, 0.0, self.loose_shirt_cm, self.loose_trousers_cm, 0.0)[wear]

    @classmethod
    def random(cls, rng: np.random.Generator, name: str) -> Subject:
        """Somebody between 150 and 195 cm, in clothes of a common palette with variation.

        A palette and not any colour for any part: networks learn from a few thousand frames what a sleeve looks like.
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
