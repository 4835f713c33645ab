"""Tracks: curves over time that scripts write and the solver turns into bone rotations."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

Num = float | int
"""A number in a script."""


@dataclass(frozen=True)
class Tracks:
    """Curves of a motion. Angles are in degrees; sides are an axis: 0 left, 1 right.

    In a point "of a side", x points outward (to the left for the left side, to the right for the right side), so that a
    symmetric pose has equal numbers on both sides. Free limbs move with the body; planted ones stay in the world.
    """

    pelvis_cm: Float[np.ndarray, "f 3"]
    """Pelvis in the world."""
    turn: Float[np.ndarray, "f 4"]
    """Rotation of the pelvis: yaw (left), pitch (forward), roll (to the left), spin (about the body's long axis, left).
    """
    spine: Float[np.ndarray, "f 3"]
    """Bend forward, bend to the left, twist to the left; spine and chest share it."""
    head: Float[np.ndarray, "f 3"]
    """Nod down, tilt to the left, turn to the left; neck and head share it."""
    hand: Float[np.ndarray, "f 2 3"]
    """Free wrist of a side, relative to the shoulder in the chest's axes, in arm lengths."""
    hand_world_cm: Float[np.ndarray, "f 2 3"]
    """Planted wrist in the world (not of a side)."""
    hand_planted: Float[np.ndarray, "f 2"]
    """1 planted, 0 free."""
    hand_yaw: Float[np.ndarray, "f 2"]
    """Heading of a planted hand's fingers in the world (left)."""
    elbow: Float[np.ndarray, "f 2"]
    """Turn of the elbow about the line from shoulder to wrist; positive lifts it outward."""
    wrist: Float[np.ndarray, "f 2 3"]
    """Flexion (palm in), deviation (to the thumb) and pronation of a free hand."""
    foot: Float[np.ndarray, "f 2 3"]
    """Free ankle of a side, relative to the hip in the pelvis's axes, in leg lengths."""
    foot_world_cm: Float[np.ndarray, "f 2 3"]
    """Planted ankle in the world (not of a side)."""
    foot_planted: Float[np.ndarray, "f 2"]
    """1 planted, 0 free."""
    foot_yaw: Float[np.ndarray, "f 2"]
    """Heading of a planted foot in the world (left)."""
    foot_pitch: Float[np.ndarray, "f 2"]
    """Pitch of the foot, toes down; relative to the world if planted, to the shin if free."""
    knee: Float[np.ndarray, "f 2"]
    """Outward turn of the knee about the line from hip to ankle."""
    lift_cm: Float[np.ndarray, "f"]
    """Height of the body's lowest point above the ground (a jump)."""

    @property
    def num_frames(self) -> int:
        """Number of frames, the length of every curve."""
        return len(self.lift_cm)


def smooth(
    times: Float[np.ndarray, "k"], values: Float[np.ndarray, "k *d"], at: Float[np.ndarray, "f"]
) -> Float[np.ndarray, "f *d"]:
    """Monotone cubic curve through keys.

    Its velocity is continuous and zero at extremes and ends, so that it never overshoots the keys. Its tangents are
    Fritsch and Carlson's weighted harmonic means. Before the first and after the last key it is constant.

    Args:
        times: times of the keys, increasing.
        values: values of the keys.
        at: times at which to evaluate the curve.
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


def wander(rng: np.random.Generator, frames: int, size: tuple[int, ...], rate: float) -> Float[np.ndarray, "f *d"]:
    """Smooth noise with a standard deviation of about 1: five sine waves per value, with periods of 0.5 to 4 seconds.

    Args:
        rng: random generator.
        frames: number of frames.
        size: shape of a frame's values.
        rate: frames per second.
    """
    periods = 4.0 / np.geomspace(1, 8, 5)[:, None, None]
    phases = rng.uniform(0, 2 * np.pi, (5, 1, int(np.prod(size))))
    weights = np.geomspace(1, 0.2, 5)[:, None, None]
    time = np.arange(frames)[None, :, None] / rate
    noise = (weights * np.sin(2 * np.pi * time / periods + phases)).sum(0) / np.sqrt((weights**2).sum() / 2)
    return noise.reshape(frames, *size)
