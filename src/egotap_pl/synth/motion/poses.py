"""Random key poses that several categories begin or end with."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from egotap_pl.synth.motion.keyframes import KeyPose, Num, both
from egotap_pl.synth.motion.upper import EVERYDAY, random_hand


def pick(rng: np.random.Generator, low: Num, high: Num) -> float:
    """A random number between two.

    Args:
        rng: random generator.
        low: smallest number.
        high: largest number.
    """
    return float(rng.uniform(low, high))


def coin(rng: np.random.Generator, chance: Num = 0.5) -> bool:
    """True with the given probability."""
    return bool(rng.random() < chance)


def maybe_mirrored(pose: KeyPose, mirror: bool) -> KeyPose:
    """The mirror image of a pose if ``mirror``, otherwise the pose."""
    return pose.mirrored() if mirror else pose


def with_hands(
    pose: KeyPose, rng: np.random.Generator, pool: tuple[str, ...] = EVERYDAY, freedom: Num = 0.25
) -> KeyPose:
    """A pose with its free hands in random places.

    Args:
        pose: the pose.
        rng: random generator.
        pool: names of `upper.HANDS` to choose from.
        freedom: probability of a place anywhere in reach instead.
    """
    left, right = random_hand(rng, pool, freedom), random_hand(rng, pool, freedom)
    if coin(rng, 0.3):
        right = left
    return replace(pose, hands=(left[0], right[0]), elbows=(left[1], right[1]))


def stand(rng: np.random.Generator) -> KeyPose:
    """Standing upright, the feet somewhere under the body."""
    width, stagger = pick(rng, 8, 20), pick(rng, -10, 10)
    return KeyPose(
        pelvis=(0, pick(rng, 94.3, 96) - 0.006 * (width - 9) ** 2 - 0.006 * stagger**2, 0),
        turn=(pick(rng, -10, 10), pick(rng, -3, 4), 0, 0),
        spine=(pick(rng, -3, 8), 0, pick(rng, -6, 6)),
        feet=((width, 0, stagger), (width, 0, -stagger)),
        toes=((pick(rng, 2, 20), 0), (pick(rng, 2, 20), 0)),
    )


def squat(rng: np.random.Generator, height: Num) -> KeyPose:
    """Squatting with the pelvis ``height`` cm above the ground, feet flat or on the toes, trunk bent for balance."""
    depth = float(np.clip((95 - height) / 60, 0, 1))
    width = pick(rng, 11, 15 + 8 * depth)
    on_toes = depth > 0.6 and coin(rng, 0.5)
    pitch, heel = (pick(rng, 25, 45), pick(rng, 5, 9)) if on_toes else (0.0, 0.0)
    stagger = pick(rng, -18, 18) * depth
    return KeyPose(
        pelvis=(0, height, -14 * depth if not on_toes else -6 * depth),
        turn=(0, pick(rng, 12, 40) * depth, 0, 0),
        spine=(pick(rng, 5, 40) * depth, pick(rng, -5, 5), pick(rng, -12, 12)),
        head=(pick(rng, -25, 10) * depth, 0, 0),
        feet=((width, heel, stagger), (width, heel, -stagger)),
        toes=((pick(rng, 5, 30), pitch), (pick(rng, 5, 30), pitch)),
        knees=(pick(rng, 5, 25), pick(rng, 5, 25)),
    )


def kneel(rng: np.random.Generator) -> KeyPose:
    """Kneeling on the right knee with the left foot in front."""
    return KeyPose(
        pelvis=(0, 52.0, 0),
        turn=(0, pick(rng, 0, 12), 0, 0),
        spine=(pick(rng, 0, 15), 0, pick(rng, -10, 10)),
        feet=((14, 0, 30), (13, 4, -42)),
        toes=((8, 0), (0, 60)),
        knees=(10, 5),
    )


def supine(rng: np.random.Generator) -> KeyPose:
    """Lying on the back, head towards -Z; legs straight, bent or apart."""
    legs = []
    for _ in range(2):
        if coin(rng, 0.4):
            legs.append(((pick(rng, 0.02, 0.18), pick(rng, -0.62, -0.45), pick(rng, -0.02, 0.05)), pick(rng, -5, 20)))
        else:
            legs.append(((pick(rng, 0.0, 0.3), -0.97, pick(rng, 0, 0.08)), pick(rng, 0, 35)))
    if coin(rng, 0.4):
        legs[1] = legs[0]
    return KeyPose(
        pelvis=(0, 12, 0),
        turn=(0, -88, 0, 0),
        spine=(pick(rng, -4, 6), pick(rng, -8, 8), pick(rng, -8, 8)),
        head=(pick(rng, -5, 25), pick(rng, -8, 8), pick(rng, -35, 35)),
        feet=(legs[0][0], legs[1][0]),
        foot_planted=(0, 0),
        toes=((0, pick(rng, 10, 40)), (0, pick(rng, 10, 40))),
        knees=(legs[0][1], legs[1][1]),
    )


def prone(rng: np.random.Generator) -> KeyPose:
    """Lying on the belly, head towards +Z; legs straight, or one drawn up sideways."""
    feet = [(pick(rng, 0.02, 0.22), -0.98, -0.02) for _ in range(2)]
    knees = [pick(rng, 0, 25) for _ in range(2)]
    if coin(rng, 0.3):
        feet[0], knees[0] = (pick(rng, 0.3, 0.45), -0.5, pick(rng, 0.0, 0.1)), pick(rng, 70, 85)
    return KeyPose(
        pelvis=(0, 11, 0),
        turn=(0, 88, 0, 0),
        spine=(pick(rng, -18, -2), pick(rng, -6, 6), pick(rng, -5, 5)),
        head=(pick(rng, -45, -15), 0, pick(rng, -40, 40)),
        feet=(feet[0], feet[1]),
        foot_planted=(0, 0),
        toes=((0, 50), (0, 50)),
        knees=(knees[0], knees[1]),
    )


def all_fours(rng: np.random.Generator) -> KeyPose:
    """Hands and knees on the ground."""
    reach = pick(rng, 40, 52)
    return KeyPose(
        pelvis=(0, 50, 0),
        turn=(0, 84, 0, 0),
        spine=(pick(rng, -12, 10), 0, 0),
        head=(pick(rng, -55, -15), 0, pick(rng, -20, 20)),
        hands=both(18, 4, reach),
        hand_planted=(1, 1),
        fingers=(10, 10),
        feet=both(11, -3, -46),
        toes=((0, 75), (0, 75)),
        knees=(3, 3),
    )
