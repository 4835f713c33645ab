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
Both = tuple[Point, Point]
ANKLE_CM = 9.0
"""Height of the ankle above the ground when the sole is flat on it."""


@dataclass(frozen=True)
class KeyPose:
    """A key pose. Left side first, x outward; units and signs as in :class:`Tracks`.

    Fields that differ from the tracks' are in world axes, of a side, cm:
        hands: with ``hand_planted`` 1, wrist in the world.
        feet: with ``foot_planted`` 1, ankle in the world; y above a flat sole's ankle.
        toes: toe-out and pitch, per foot.
        fingers: outward turn of a planted hand's fingers.
        at: x, z and yaw of the frame in which the pelvis and all planted points are meant.
    """

    pelvis: Point = (0, 94, 0)
    turn: tuple[Num, Num, Num, Num] = (0, 0, 0, 0)
    spine: Point = (0, 0, 0)
    head: Point = (0, 0, 0)
    hands: Both = ((0.16, -0.93, 0.1), (0.16, -0.93, 0.1))
    hand_planted: tuple[Num, Num] = (0, 0)
    fingers: tuple[Num, Num] = (0, 0)
    elbows: tuple[Num, Num] = (0, 0)
    wrists: Both = ((5, 0, 0), (5, 0, 0))
    feet: Both = ((11, 0, 0), (11, 0, 0))
    foot_planted: tuple[Num, Num] = (1, 1)
    toes: tuple[tuple[Num, Num], tuple[Num, Num]] = ((8, 0), (8, 0))
    knees: tuple[Num, Num] = (6, 6)
    lift: Num = 0
    at: Point = (0, 0, 0)

    def mirrored(self) -> KeyPose:
        """Left and right swapped."""
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
    """The same point for both sides."""
    return (x, y, z), (x, y, z)


def play(keys: Sequence[tuple[Num, KeyPose]], rate: float, seconds: float | None = None) -> Tracks:
    """Curves through key poses at the given times (seconds, increasing), sampled at ``rate`` per second."""
    times = np.array([float(time) for time, _ in keys])
    poses = [pose for _, pose in keys]
    at = np.arange(max(round(float(times[-1] if seconds is None else seconds) * rate), 1)) / rate
    curves = {name: smooth(times, values, at) for name, values in _stacked(poses).items()}
    return Tracks(**curves)


def _stacked(poses: Sequence[KeyPose]) -> dict[str, np.ndarray]:
    """Every key pose as tracks' values: limbs both free and planted, so that either may be followed at any time."""

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
    """Points meant in a frame at (x, z, yaw), in the world."""
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
    """Limb ends relative to their origins (of a side, in lengths) and in the world (cm), each way from either."""
    sided = outward(torch.from_numpy(targets)).numpy()
    world = _placed(sided + np.array([0.0, height_cm, 0.0]), where)
    free_world = origin_cm + np.einsum("kij,ksj->ksi", axes, sided) * length_cm
    local = np.einsum("kji,ksj->ksi", axes, world - origin_cm) / length_cm
    local = outward(torch.from_numpy(local)).numpy()
    fixed = planted[..., None] > 0.5
    return np.where(fixed, local, targets), np.where(fixed, world, free_world)
