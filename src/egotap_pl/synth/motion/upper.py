"""Arms and head, on top of the motion of the body: gestures, glances and the small movements of a living body."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Float

from egotap_pl.synth.motion.keyframes import Num, Point
from egotap_pl.synth.motion.tracks import Tracks, smooth, wander

HANDS: dict[str, tuple[Point, Num]] = {
    "hang": ((0.16, -0.93, 0.08), 0),
    "hang wide": ((0.32, -0.88, 0.05), 10),
    "hip": ((0.06, -0.66, 0.08), 30),
    "belt": ((-0.12, -0.68, 0.3), 15),
    "belly": ((-0.22, -0.5, 0.38), 10),
    "chest": ((-0.25, -0.2, 0.42), 20),
    "heart": ((-0.35, -0.12, 0.35), 25),
    "crossed": ((-0.45, -0.3, 0.38), 15),
    "chin": ((-0.2, 0.12, 0.42), -5),
    "mouth": ((-0.22, 0.2, 0.45), 10),
    "ear": ((0.0, 0.35, 0.18), 0),
    "brow": ((-0.08, 0.42, 0.32), 20),
    "crown": ((-0.05, 0.6, 0.12), 20),
    "nape": ((-0.1, 0.42, -0.08), 15),
    "phone": ((-0.15, -0.2, 0.5), -5),
    "book": ((-0.08, -0.28, 0.6), -5),
    "carry": ((-0.02, -0.5, 0.62), 0),
    "offer": ((0.05, -0.3, 0.78), -5),
    "ahead": ((0.0, -0.02, 0.95), 5),
    "point": ((0.2, 0.08, 0.93), 0),
    "point low": ((0.2, -0.5, 0.78), 0),
    "point high": ((0.25, 0.5, 0.75), 0),
    "point across": ((-0.45, -0.05, 0.8), 15),
    "stop": ((0.0, 0.05, 0.75), 10),
    "shrug": ((0.45, -0.4, 0.45), -10),
    "open": ((0.6, -0.25, 0.55), 0),
    "side": ((0.93, 0.0, 0.15), 0),
    "side low": ((0.7, -0.6, 0.15), 0),
    "side high": ((0.75, 0.5, 0.15), 0),
    "wave": ((0.35, 0.4, 0.35), 10),
    "flex": ((0.5, 0.35, 0.1), 10),
    "up": ((0.12, 0.95, 0.12), 0),
    "up wide": ((0.5, 0.8, 0.15), 0),
    "up front": ((0.05, 0.7, 0.62), 0),
    "back": ((0.1, -0.72, -0.28), 20),
    "back low": ((0.3, -0.8, -0.42), 10),
    "guard": ((-0.16, 0.08, 0.42), -10),
    "reach down": ((0.05, -0.85, 0.45), 0),
    "thigh": ((0.05, -0.8, 0.4), 5),
}
"""Places of a hand: wrist of a side relative to the shoulder (outward, up, forward, in arm lengths), and turn of the
elbow (degrees)."""
EVERYDAY = tuple(HANDS)
"""All places."""
CALM = (
    "hang",
    "hang wide",
    "hip",
    "belt",
    "belly",
    "chest",
    "crossed",
    "chin",
    "phone",
    "book",
    "carry",
    "thigh",
    "back",
)
"""Places of somebody at rest."""
TALKING = ("belly", "chest", "heart", "offer", "open", "shrug", "point", "stop", "wave", "side low", "carry", "book")
"""Places of somebody who talks."""


def random_hand(rng: np.random.Generator, pool: Sequence[str], freedom: Num = 0.25) -> tuple[Point, float]:
    """A random place of a hand, and the turn of its elbow (degrees).

    Args:
        rng: random generator.
        pool: names of `HANDS` to choose from and vary.
        freedom: probability of a place anywhere in reach instead.
    """
    if rng.random() < freedom:
        out, up = np.deg2rad(rng.uniform(-45, 95)), np.deg2rad(rng.uniform(-85, 75))
        reach = rng.uniform(0.45, 0.97)
        forward = np.cos(up) * np.cos(out)
        point = (reach * np.cos(up) * np.sin(out), reach * np.sin(up), reach * forward)
        return (float(point[0]), float(point[1]), float(point[2])), float(rng.uniform(-15, 35))
    (x, y, z), elbow = HANDS[pool[int(rng.integers(len(pool)))]]
    shift = rng.normal(0, 0.06, 3)
    return (float(x + shift[0]), float(y + shift[1]), float(z + shift[2])), float(elbow + rng.normal(0, 10))


def gestures(
    tracks: Tracks,
    rng: np.random.Generator,
    rate: Num,
    pool: Sequence[str] = EVERYDAY,
    *,
    pause_s: tuple[Num, Num] = (0.5, 1.6),
    together: Num = 0.35,
    freedom: Num = 0.25,
) -> Tracks:
    """Move free hands from place to place.

    Args:
        tracks: motion of the body, shorter than 20 seconds; planted hands stay planted.
        rng: random generator for places and times.
        rate: samples per second.
        pool: names of `HANDS` to choose from.
        pause_s: shortest and longest time from one place to the next.
        together: probability that both hands make the same gesture.
        freedom: probability of a place anywhere in reach instead.
    """
    seconds = tracks.num_frames / rate
    times, hands, elbows, wrists = [0.0], [], [], []
    while True:
        left, right = random_hand(rng, pool, freedom), random_hand(rng, pool, freedom)
        if rng.random() < together:
            right = left
        hands.append((left[0], right[0]))
        elbows.append((left[1], right[1]))
        wrists.append(rng.normal(0, (15, 8, 30), (2, 3)))
        if times[-1] > 20:
            break
        times.append(times[-1] + rng.uniform(*pause_s) * (2.0 if rng.random() < 0.15 else 1.0))
    at = np.arange(tracks.num_frames) / rate
    values = (hands, elbows, wrists)
    hand, elbow, wrist = (smooth(np.array(times), np.array(value, dtype=np.float64), at) for value in values)
    assert seconds < 20, "gestures last less than 20 seconds"
    return replace(tracks, hand=hand, elbow=elbow, wrist=wrist)


def glances(tracks: Tracks, rng: np.random.Generator, rate: Num, amount: Num = 1.0) -> Tracks:
    """Let the head look around, with the chest following a little.

    Args:
        tracks: motion of the body.
        rng: random generator.
        rate: samples per second.
        amount: size of the glances; 1 is about 25 degrees.
    """
    times = np.cumsum(rng.uniform(0.5, 1.8, 40))
    looks = rng.normal(0, (12, 5, 25), (40, 3)) * amount
    looks[rng.random(40) < 0.35] = 0
    look = smooth(times, looks, np.arange(tracks.num_frames) / rate)
    look = np.clip(look, (-25, -15, -60), (40, 15, 60))
    spine = tracks.spine.copy()
    spine[:, 2] += 0.2 * look[:, 2]
    return replace(tracks, head=tracks.head + look, spine=spine)


def alive(tracks: Tracks, rng: np.random.Generator, rate: Num, amount: Num = 1.0) -> Tracks:
    """Add small smooth variations everywhere, except to planted feet and hands.

    Args:
        tracks: motion of the body.
        rng: random generator.
        rate: samples per second.
        amount: size of the variations; 1 is normal.
    """

    def noise(size: tuple[int, ...], scale: Float[np.ndarray, "*d"] | float) -> np.ndarray:
        return wander(rng, tracks.num_frames, size, rate) * amount * np.asarray(scale)

    return replace(
        tracks,
        pelvis_cm=tracks.pelvis_cm + noise((3,), np.array([0.8, 0.3, 0.8])),
        turn=tracks.turn + noise((4,), np.array([1.5, 1.0, 1.0, 0.0])),
        spine=tracks.spine + noise((3,), np.array([2.0, 1.5, 3.0])),
        head=tracks.head + noise((3,), np.array([3.0, 2.0, 4.0])),
        hand=tracks.hand + noise((2, 3), 0.035),
        elbow=tracks.elbow + noise((2,), 5.0),
        wrist=tracks.wrist + noise((2, 3), np.array([6.0, 3.0, 8.0])),
        knee=tracks.knee + noise((2,), 1.5),
    )
