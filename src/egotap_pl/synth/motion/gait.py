"""Gait: a body moves along a route and plants its feet on the ground in turn."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from egotap_pl.synth.motion.keyframes import ANKLE_CM
from egotap_pl.synth.motion.tracks import Num, Tracks, smooth


@dataclass(frozen=True)
class Gait:
    """A way of stepping."""

    cadence: Num = 0.9
    """Cycles (two steps) per second."""
    width_cm: Num = 8.0
    """Distance of each foot from the route."""
    lift_cm: Num = 9.0
    """Height of a swinging foot."""
    duty: Num = 0.62
    """Share of the cycle for which a foot is on the ground; below 0.5 the body flies (running)."""
    bob_cm: Num = 2.0
    """Up-and-down movement of the pelvis."""
    sway_cm: Num = 2.5
    """Side-to-side movement of the pelvis."""
    twist_deg: Num = 6.0
    """Rotation of the pelvis with the steps; the chest turns against it."""
    arm_swing: Num = 0.3
    """Forward and backward movement of the hands, in arm lengths."""
    roll_deg: Num = 35.0
    """Pitch of a foot when it leaves the ground."""
    toe_out_deg: Num = 8.0
    """Outward rotation of the feet."""


@dataclass(frozen=True)
class Route:
    """Position and heading of the body over time."""

    times: Float[np.ndarray, "t"]
    """Seconds."""
    position: Float[np.ndarray, "t 2"]
    """x and z in the world, cm."""
    yaw: Float[np.ndarray, "t"]
    """Heading in degrees; positive is left."""

    def __call__(self, at: Float[np.ndarray, "*n"]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """x, z (cm) and yaw (degrees) at given times (s)."""
        x, z = (np.interp(at, self.times, self.position[:, i]) for i in (0, 1))
        return x, z, np.interp(at, self.times, self.yaw)


def route_from_speeds(
    key_times: Float[np.ndarray, "k"],
    forward: Float[np.ndarray, "k"],
    left: Float[np.ndarray, "k"],
    turn: Float[np.ndarray, "k"],
) -> Route:
    """Integrate speeds, from the origin at time 0. They are constant for three seconds before and after the keys.

    Args:
        key_times: times of the keys in seconds.
        forward: forward speeds, cm/s.
        left: sideways speeds to the left, cm/s.
        turn: turning speeds to the left, degrees/s.
    """
    times = np.arange(key_times[0] - 3, key_times[-1] + 3, 1 / 60)
    speed = smooth(key_times, np.stack((forward, left, turn), -1), times)
    yaw = np.cumsum(speed[:, 2]) / 60
    yaw -= np.interp(0.0, times, yaw)
    angle = np.deg2rad(yaw)
    x = speed[:, 0] * np.sin(angle) + speed[:, 1] * np.cos(angle)
    z = speed[:, 0] * np.cos(angle) - speed[:, 1] * np.sin(angle)
    position = np.cumsum(np.stack((x, z), -1), 0) / 60
    position -= [np.interp(0.0, times, position[:, i]) for i in (0, 1)]
    return Route(times, position, yaw)


def stepping(tracks: Tracks, route: Route, gait: Gait, rate: float, phase: Num = 0.0) -> Tracks:
    """Move a body along a route on stepping feet; arms, spine and head keep their movement and swing with the steps.

    Args:
        tracks: motion of the body on the spot.
        route: where it goes.
        gait: how it steps.
        rate: samples per second.
        phase: phase of the gait at time 0, in cycles.
    """
    time = np.arange(tracks.num_frames) / rate
    x, z, yaw = route(time)
    cycle = gait.cadence * time + phase
    swing = np.cos(2 * np.pi * (cycle - gait.duty / 2))  # 1 when the left foot is under the body
    reach = np.sin(2 * np.pi * (cycle - gait.duty / 2))  # 1 when the left foot is behind
    angle = np.deg2rad(yaw)
    aside = gait.sway_cm * swing + tracks.pelvis_cm[:, 0]
    ahead = tracks.pelvis_cm[:, 2]
    bob = gait.bob_cm * (np.cos(4 * np.pi * (cycle - gait.duty / 2)) - 1) / 2
    if gait.duty < 0.5:
        bob = -bob - gait.bob_cm
    pelvis = np.stack(
        (
            x + aside * np.cos(angle) + ahead * np.sin(angle),
            tracks.pelvis_cm[:, 1] + bob,
            z - aside * np.sin(angle) + ahead * np.cos(angle),
        ),
        -1,
    )
    turn, spine, head, hand = tracks.turn.copy(), tracks.spine.copy(), tracks.head.copy(), tracks.hand.copy()
    turn[:, 0] += yaw + gait.twist_deg * reach
    spine[:, 2] -= 1.8 * gait.twist_deg * reach
    head[:, 2] += 0.8 * gait.twist_deg * reach
    hand[..., 2] += gait.arm_swing * reach[:, None] * np.array([1.0, -1.0])
    hand[..., 1] += 0.25 * gait.arm_swing * np.abs(reach)[:, None]
    feet = [plants(route, gait, time, side, phase + 0.5 * side) for side in (0, 1)]
    lift = tracks.lift_cm
    if gait.duty < 0.5:
        airborne = np.minimum(feet[0].point_cm[:, 1], feet[1].point_cm[:, 1]) - ANKLE_CM
        lift = lift + np.clip(airborne, 0, None)
    return replace(
        tracks,
        pelvis_cm=pelvis,
        turn=turn,
        spine=spine,
        head=head,
        hand=hand,
        foot_world_cm=np.stack([foot.point_cm for foot in feet], 1),
        foot_yaw=np.stack([foot.yaw for foot in feet], 1),
        foot_pitch=np.stack([_pitch(gait, foot) for foot in feet], 1),
        foot_planted=np.ones_like(tracks.foot_planted),
        lift_cm=lift,
    )


@dataclass(frozen=True)
class Plants:
    """A hand or foot that is planted and swings forward in turn."""

    point_cm: Float[np.ndarray, "f 3"]
    """Position of the wrist or ankle in the world."""
    yaw: Float[np.ndarray, "f"]
    """Heading in degrees."""
    swing: Float[np.ndarray, "f"]
    """Progress of the swing, 0 to 1; 0 while planted."""
    effort: Float[np.ndarray, "f"]
    """Size of the step, 0 to 1; 1 from 25 (cm plus degrees of turn) on."""


def plants(
    route: Route,
    gait: Gait,
    time: Float[np.ndarray, "f"],
    side: int,
    phase: Num,
    ahead_cm: Num = 0.0,
    height_cm: Num = ANKLE_CM,
) -> Plants:
    """A hand or foot that stands still, then swings to its next place.

    Args:
        route: where the body goes.
        gait: how it steps.
        time: times of the samples in seconds.
        side: 0 left, 1 right.
        phase: phase of the gait at time 0, in cycles.
        ahead_cm: distance of the planted point in front of the route's point.
        height_cm: height of the planted point.
    """
    cycle = gait.cadence * time + phase
    number, share = np.floor(cycle), cycle % 1.0
    sign = 1.0 - 2.0 * side

    def place(n: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        x, z, yaw = route((n + gait.duty / 2 - phase) / gait.cadence)
        cosine, sine = np.cos(np.deg2rad(yaw)), np.sin(np.deg2rad(yaw))
        aside = sign * gait.width_cm
        point = (x + aside * cosine + ahead_cm * sine, np.full_like(x, height_cm), z - aside * sine + ahead_cm * cosine)
        return np.stack(point, -1), yaw + sign * gait.toe_out_deg

    here, there = place(number), place(number + 1)
    u = np.clip((share - gait.duty) / (1 - gait.duty), 0, 1)
    moved = u * u * (3 - 2 * u)
    point = here[0] + moved[:, None] * (there[0] - here[0])
    # Only a limb that goes far enough is lifted fully.
    far = np.linalg.norm(there[0] - here[0], axis=-1) + np.abs(there[1] - here[1])
    effort = np.clip(far / 25.0, 0, 1)
    point[:, 1] += gait.lift_cm * effort * np.sin(np.pi * u) ** 2
    return Plants(point, here[1] + moved * (there[1] - here[1]), u, effort)


def _pitch(gait: Gait, foot: Plants) -> np.ndarray:
    """Pitch of a foot: toes down when it leaves the ground, up before it lands."""
    return gait.roll_deg * foot.effort * np.sin(np.pi * foot.swing) * (1 - 1.4 * foot.swing)
