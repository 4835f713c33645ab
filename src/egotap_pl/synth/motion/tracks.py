"""Motion as curves over time: what scripts write and the solver turns into bone rotations."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

Num = float | int
"""What a script writes for a number."""


@dataclass(frozen=True)
class Tracks:
    """Curves of a motion. Angles in degrees; sides are an axis: 0 left, 1 right.

    A point "of a side" has its x pointing outward (to the left for the left side, to the right for the right one), so
    that a symmetric pose has equal numbers on both sides. Free limbs move with the body, planted ones with the world.

    Fields:
        pelvis_cm: pelvis in the world.
        turn: pelvis yaw (left), pitch (forward), roll (to the left), spin (about the body's own long axis, left).
        spine: bend forward, to the left, twist to the left; shared by spine and chest.
        head: nod down, tilt to the left, turn to the left; shared by neck and head.
        hand: free wrist of a side, from the shoulder, in the chest's axes, unit: arm lengths.
        hand_world_cm: planted wrist in the world (not of a side).
        hand_planted: 1 planted, 0 free.
        hand_yaw: heading of a planted hand's fingers in the world (left).
        elbow: turn of the elbow about the line from shoulder to wrist; positive lifts it outward.
        wrist: of a free hand: flexion (palm in), deviation (to the thumb), pronation.
        foot: free ankle of a side, from the hip, in the pelvis's axes, unit: leg lengths.
        foot_world_cm: planted ankle in the world (not of a side).
        foot_planted: 1 planted, 0 free.
        foot_yaw: heading of a planted foot in the world (left).
        foot_pitch: toe down; in the world when planted, against the shin when free.
        knee: turn of the knee about the line from hip to ankle, outward.
        lift_cm: height of the body's lowest point above the ground (a jump).
    """

    pelvis_cm: Float[np.ndarray, "f 3"]
    turn: Float[np.ndarray, "f 4"]
    spine: Float[np.ndarray, "f 3"]
    head: Float[np.ndarray, "f 3"]
    hand: Float[np.ndarray, "f 2 3"]
    hand_world_cm: Float[np.ndarray, "f 2 3"]
    hand_planted: Float[np.ndarray, "f 2"]
    hand_yaw: Float[np.ndarray, "f 2"]
    elbow: Float[np.ndarray, "f 2"]
    wrist: Float[np.ndarray, "f 2 3"]
    foot: Float[np.ndarray, "f 2 3"]
    foot_world_cm: Float[np.ndarray, "f 2 3"]
    foot_planted: Float[np.ndarray, "f 2"]
    foot_yaw: Float[np.ndarray, "f 2"]
    foot_pitch: Float[np.ndarray, "f 2"]
    knee: Float[np.ndarray, "f 2"]
    lift_cm: Float[np.ndarray, "f"]

    @property
    def num_frames(self) -> int:
        """Length of every curve."""
        return len(self.lift_cm)


def smooth(
    times: Float[np.ndarray, "k"], values: Float[np.ndarray, "k *d"], at: Float[np.ndarray, "f"]
) -> Float[np.ndarray, "f *d"]:
    """Monotone cubic curve through keys: continuous velocity, at rest in extremes and ends, never beyond the keys.

    Tangents are Fritsch and Carlson's weighted harmonic means. Before the first and after the last key it holds.
    """
    if len(times) == 1:
        return np.broadcast_to(values[0], (len(at), *values.shape[1:])).copy()
    flat = values.reshape(len(times), -1)
    step = np.diff(times)[:, None]
    slope = np.diff(flat, axis=0) / step
    before, after = 2 * step[1:] + step[:-1], step[1:] + 2 * step[:-1]
    agree = slope[:-1] * slope[1:] > 0
    safe = [np.where(agree, s, 1.0) for s in (slope[:-1], slope[1:])]
    tangent = np.zeros_like(flat)
    tangent[1:-1] = np.where(agree, (before + after) / (before / safe[0] + after / safe[1]), 0.0)
    at = np.clip(at, times[0], times[-1])
    left = np.clip(np.searchsorted(times, at, side="right") - 1, 0, len(times) - 2)
    width = step[left]
    u = (at - times[left])[:, None] / width
    curve = (
        flat[left] * (1 + 2 * u) * (1 - u) ** 2
        + tangent[left] * width * u * (1 - u) ** 2
        + flat[left + 1] * u**2 * (3 - 2 * u)
        + tangent[left + 1] * width * u**2 * (u - 1)
    )
    return curve.reshape(len(at), *values.shape[1:])


def wander(
    rng: np.random.Generator, frames: int, size: tuple[int, ...], rate: float, slowest_s: float = 4.0
) -> Float[np.ndarray, "f *d"]:
    """Smooth noise of about unit deviation: five sines per value, periods from ``slowest_s`` down to an eighth."""
    periods = slowest_s / np.geomspace(1, 8, 5)[:, None, None]
    phases = rng.uniform(0, 2 * np.pi, (5, 1, int(np.prod(size))))
    weights = np.geomspace(1, 0.2, 5)[:, None, None]
    time = np.arange(frames)[None, :, None] / rate
    noise = (weights * np.sin(2 * np.pi * time / periods + phases)).sum(0) / np.sqrt((weights**2).sum() / 2)
    return noise.reshape(frames, *size)
