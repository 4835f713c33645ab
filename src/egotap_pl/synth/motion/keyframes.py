"""Key poses, and the curves that run through them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Float

from egotap_pl.synth.motion.solver import ARM_CM, LEG_CM, hips, outward, shoulders, tensor, torso
from egotap_pl.synth.motion.tracks import Num, Tracks, smooth

Point = tuple[Num, Num, Num]
"""Three coordinates or angles."""
Both = tuple[Point, Point]
"""A point for the left side and one for the right side."""
ANKLE_CM = 9.0
"""Height of the ankle above the ground when the sole is flat on it."""


@dataclass(frozen=True)
class KeyPose:
    """A key pose. The left side comes first, x points outward; units and signs are those of `Tracks`."""

    pelvis: Point = (0, 94, 0)
    """Pelvis in the frame ``at``, cm."""
    turn: tuple[Num, Num, Num, Num] = (0, 0, 0, 0)
    """Yaw, pitch, roll and spin of the pelvis."""
    spine: Point = (0, 0, 0)
    """Bend of the spine forward, to the left, and its twist to the left."""
    head: Point = (0, 0, 0)
    """Nod of the head down, tilt to the left, turn to the left."""
    hands: Both = ((0.16, -0.93, 0.1), (0.16, -0.93, 0.1))
    """Wrists: free ones from the shoulder, in arm lengths; planted ones in the frame ``at``, cm."""
    hand_planted: tuple[Num, Num] = (0, 0)
    """1 planted, 0 free."""
    fingers: tuple[Num, Num] = (0, 0)
    """Outward turn of a planted hand's fingers."""
    elbows: tuple[Num, Num] = (0, 0)
    """Turn of the elbows."""
    wrists: Both = ((5, 0, 0), (5, 0, 0))
    """Flexion, deviation and pronation of a free hand."""
    feet: Both = ((11, 0, 0), (11, 0, 0))
    """Ankles: free ones from the hip, in leg lengths; planted ones in the frame ``at``, cm, with y = 0 for a flat
    sole."""
    foot_planted: tuple[Num, Num] = (1, 1)
    """1 planted, 0 free."""
    toes: tuple[tuple[Num, Num], tuple[Num, Num]] = ((8, 0), (8, 0))
    """Toe-out and pitch of each foot."""
    knees: tuple[Num, Num] = (6, 6)
    """Turn of the knees."""
    lift: Num = 0
    """Height of the body's lowest point above the ground, cm."""
    at: Point = (0, 0, 0)
    """x, z (cm) and yaw in the world of the frame for the pelvis and all planted points."""

    def mirrored(self) -> KeyPose:
        """The same pose with left and right swapped."""
        yaw, pitch, roll, spin = self.turn
        swapped: dict[str, Any] = {
            name: (getattr(self, name)[1], getattr(self, name)[0])
            for name in (
                "hands",
                "hand_planted",
                "fingers",
                "elbows",
                "wrists",
                "feet",
                "foot_planted",
                "toes",
                "knees",
            )
        }
        return replace(
            self,
            pelvis=(-self.pelvis[0], *self.pelvis[1:]),
            turn=(-yaw, pitch, -roll, -spin),
            spine=(self.spine[0], -self.spine[1], -self.spine[2]),
            head=(self.head[0], -self.head[1], -self.head[2]),
            at=(-self.at[0], self.at[1], -self.at[2]),
            **swapped,
        )


def both(x: Num, y: Num, z: Num) -> Both:
    """The same point for both sides.

    Args:
        x: outward coordinate.
        y: upward coordinate.
        z: forward coordinate.
    """
    return (x, y, z), (x, y, z)


def play(keys: Sequence[tuple[Num, KeyPose]], rate: float, seconds: float | None = None) -> Tracks:
    """Curves through key poses.

    Args:
        keys: key poses with their times in seconds, in increasing order.
        rate: samples per second.
        seconds: duration of the curves; by default until the last key.
    """
    times = np.array([float(time) for time, _ in keys])
    poses = [pose for _, pose in keys]
    at = np.arange(max(round(float(times[-1] if seconds is None else seconds) * rate), 1)) / rate
    curves = {name: smooth(times, values, at) for name, values in _stacked(poses).items()}
    return Tracks(**curves)


def _stacked(poses: Sequence[KeyPose]) -> dict[str, np.ndarray]:
    """Key poses as values of tracks: limbs both free and planted, so that curves can follow either at any time."""

    def stack(name: str) -> np.ndarray:
        return np.array([getattr(pose, name) for pose in poses], dtype=np.float64)

    where = stack("at")
    pelvis = _placed(stack("pelvis"), where)
    turn = stack("turn")
    turn[:, 0] += where[:, 2]
    spine = stack("spine")
    toes, fingers = stack("toes"), stack("fingers")
    yaw = np.array([1.0, -1.0])
    bones, chest_cm, chest = torso(tensor(pelvis), tensor(turn), tensor(spine))
    hands = _two_ways(
        stack("hands"), stack("hand_planted"), where, 0.0, ARM_CM, shoulders(chest_cm, chest).numpy(), chest.numpy()
    )
    feet = _two_ways(
        stack("feet"),
        stack("foot_planted"),
        where,
        ANKLE_CM,
        LEG_CM,
        hips(tensor(pelvis), bones["pelvis"]).numpy(),
        bones["pelvis"].numpy(),
    )
    return {
        "pelvis_cm": pelvis,
        "turn": turn,
        "spine": spine,
        "head": stack("head"),
        "hand": hands[0],
        "hand_world_cm": hands[1],
        "hand_planted": stack("hand_planted"),
        "hand_yaw": where[:, 2:] + fingers * yaw,
        "elbow": stack("elbows"),
        "wrist": stack("wrists"),
        "foot": feet[0],
        "foot_world_cm": feet[1],
        "foot_planted": stack("foot_planted"),
        "foot_yaw": where[:, 2:] + toes[..., 0] * yaw,
        "foot_pitch": toes[..., 1],
        "knee": stack("knees"),
        "lift_cm": stack("lift"),
    }


def _placed(points: Float[np.ndarray, "k *s 3"], where: Float[np.ndarray, "k 3"]) -> Float[np.ndarray, "k *s 3"]:
    """Points in the world, from their coordinates in a frame at (x, z, yaw)."""
    angle = np.deg2rad(where[:, 2]).reshape(-1, *[1] * (points.ndim - 2))
    x, y, z = np.moveaxis(points, -1, 0)
    shift = where.reshape(-1, *[1] * (points.ndim - 2), 3)
    return np.stack(
        (
            x * np.cos(angle) + z * np.sin(angle) + shift[..., 0],
            y,
            z * np.cos(angle) - x * np.sin(angle) + shift[..., 1],
        ),
        -1,
    )


def _two_ways(
    targets: Float[np.ndarray, "k 2 3"],
    planted: Float[np.ndarray, "k 2"],
    where: Float[np.ndarray, "k 3"],
    height_cm: float,
    length_cm: float,
    origin_cm: Float[np.ndarray, "k 2 3"],
    axes: Float[np.ndarray, "k 3 3"],
) -> tuple[Float[np.ndarray, "k 2 3"], Float[np.ndarray, "k 2 3"]]:
    """Ends of limbs relative to their origins (of a side, in limb lengths) and in the world (cm)."""
    sided = outward(torch.from_numpy(targets)).numpy()
    world = _placed(sided + np.array([0.0, height_cm, 0.0]), where)
    free_world = origin_cm + np.einsum("kij,ksj->ksi", axes, sided) * length_cm
    local = np.einsum("kji,ksj->ksi", axes, world - origin_cm) / length_cm
    local = outward(torch.from_numpy(local)).numpy()
    fixed = planted[..., None] > 0.5
    return np.where(fixed, local, targets), np.where(fixed, world, free_world)
