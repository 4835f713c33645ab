"""Jumping, pulling and dancing (categories 001, 004 and 023)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import Float

from egotap_pl.synth.motion.keyframes import Both, KeyPose, Num, Point, both
from egotap_pl.synth.motion.poses import coin, maybe_mirrored, stand, with_hands
from egotap_pl.synth.motion.scripts.actor import Actor
from egotap_pl.synth.motion.scripts.common import Steps
from egotap_pl.synth.motion.tracks import Tracks
from egotap_pl.synth.motion.upper import EVERYDAY, gestures, glances


def _toward(hands: Both) -> Both:
    """Hands halfway on their way up to ``hands``."""
    (lx, ly, lz), (rx, ry, rz) = hands
    return (0.6 * lx + 0.15, 0.6 * ly - 0.2, 0.6 * lz + 0.2), (0.6 * rx + 0.15, 0.6 * ry - 0.2, 0.6 * rz + 0.2)


def leap(actor: Actor, base: KeyPose, land: KeyPose, air: KeyPose, dip: Num, flight_s: Num) -> Steps:
    """A jump: down, up into the air, and down again.

    Args:
        actor: the actor.
        base: pose before the jump.
        land: pose after it.
        air: pose at the highest point; its ``lift`` is the height.
        dip: how far the body goes down before it jumps, cm.
        flight_s: duration of the flight in seconds.
    """
    low = replace(
        base,
        pelvis=(0, 93 - dip, -0.25 * dip),
        turn=(0, 0.9 * dip, 0, 0),
        spine=(0.8 * dip, 0, 0),
        hands=both(0.25, -0.75, -0.4) if coin(actor.rng, 0.7) else base.hands,
    )
    off = replace(
        base,
        pelvis=(0, 101, 3),
        turn=(0, 4, 0, 0),
        hands=_toward(air.hands),
        feet=((base.feet[0][0], 7, base.feet[0][2]), (base.feet[1][0], 7, base.feet[1][2])),
        toes=((6, 45), (6, 45)),
    )
    soft = replace(
        land,
        pelvis=(0, 93 - 0.8 * dip, -0.2 * dip),
        turn=(0, 0.8 * dip, 0, 0),
        spine=(0.6 * dip, 0, 0),
        hands=both(0.3, -0.5, 0.5),
    )
    down = replace(land, pelvis=(0, 92, 0))
    return [(0.35, low), (0.2, off), (flight_s / 2, air), (flight_s / 2, down), (0.15, soft), (0.4, land)]


def point(values: Float[np.ndarray, "3"]) -> Point:
    """An array of three numbers as a point of a key pose."""
    x, y, z = map(float, values)
    return x, y, z


def jumping(actor: Actor) -> Tracks:
    """Jumping on the spot, forward, sideways or with a turn; straight, tucked or as a star."""
    base = replace(stand(actor.rng), feet=both(actor.pick(8, 16), 0, 0), spine=(0, 0, 0))
    steps: Steps = [(0.0, base), (actor.pick(0.1, 0.5), base)]
    place = np.zeros(3)
    kind = actor.whole(0, 3)
    for _ in range(actor.whole(2, 3)):
        move = np.zeros(3)
        if kind == 1:
            move = np.array([0, actor.pick(30, 90), 0])
        elif kind == 2:
            move = np.array([actor.pick(-45, 45), 0, actor.pick(-90, 90)])
        angle = np.deg2rad(place[2])
        ahead = np.array([np.sin(angle) * move[1] + np.cos(angle) * move[0], np.cos(angle) * move[1], move[2]])
        here, there, middle = (point(p) for p in (place, place + ahead, place + ahead / 2))
        leg = ((0.1, -0.92, 0.0), (0.1, -actor.pick(0.4, 0.6), 0.25), (0.55, -0.75, 0.0))[actor.whole(0, 2)]
        if kind == 0:
            leg = (0.1, -actor.pick(0.85, 0.97), actor.pick(-0.15, 0.05))
        air = KeyPose(pelvis=(0, 100, 0), at=middle, feet=both(*leg), foot_planted=(0, 0), toes=((0, 35), (0, 35)))
        air = replace(
            with_hands(air, actor.rng, ("up", "up wide", "side high", "side", "ahead", "flex", "up front"), 0.2)
        )
        air = replace(air, lift=actor.pick(12, 42), spine=(actor.pick(-8, 15), 0, actor.pick(-10, 10)))
        steps += leap(
            actor, replace(base, at=here), replace(base, at=there), air, actor.pick(12, 30), actor.pick(0.4, 0.6)
        )
        place = place + ahead
    return glances(actor.play_steps(steps), actor.rng, actor.rate, 0.5)


def pulling(actor: Actor) -> Tracks:
    """Pulling a rope or a handle: hand over hand or with both hands, from above or from below."""
    stagger = actor.pick(15, 28)
    base = KeyPose(
        pelvis=(0, actor.pick(78, 88), -actor.pick(2, 10)),
        turn=(0, actor.pick(-14, 4), 0, 0),
        feet=((12, 0, stagger), (13, 0, -stagger)),
        toes=((8, 0), (30, 0)),
    )
    far = {0: (0.0, actor.pick(-0.25, 0.1), 0.9), 1: (0.0, 0.8, 0.45), 2: (0.0, -0.7, 0.6)}[actor.whole(0, 2)]
    near = (-0.1, -0.45, 0.25) if far[1] < 0.5 else (-0.1, -0.1, 0.4)
    near = (near[0], near[1] + actor.pick(-0.1, 0.15), near[2])
    low = far[1] < -0.5
    beat, steps = actor.pick(0.4, 0.75), [(0.0, replace(base, hands=(far, far)))]
    over = actor.coin()
    for i in range(actor.whole(4, 6)):
        twist = actor.pick(15, 35)
        lean = (0, base.turn[1] - actor.pick(4, 14), 0, 0)
        if over:
            one = replace(base, hands=(near, far), spine=(40 if low else 0, 0, twist), elbows=(20, 0))
            steps.append((beat, one if i % 2 else replace(one, hands=(far, near), spine=(40 if low else 0, 0, -twist))))
        else:
            ready = replace(base, hands=(far, far), spine=(45 if low else 12, 0, 0))
            steps += [(0.6 * beat, ready), (0.15, ready)]
            pulled = replace(base, hands=(near, near), turn=lean, spine=(0, 0, actor.pick(-25, 25)), elbows=(15, 15))
            steps.append((beat, replace(pulled, pelvis=(0, base.pelvis[1] - 4, base.pelvis[2] - 8))))
    mirror = actor.coin()
    tracks = actor.play_steps([(wait, maybe_mirrored(pose, mirror)) for wait, pose in steps])
    return glances(tracks, actor.rng, actor.rate, 0.6)


def dancing(actor: Actor) -> Tracks:
    """Stepping, swaying and turning to a beat, with lively arms."""
    beat = actor.pick(0.38, 0.65)
    facing, place = 0.0, np.zeros(2)
    width = actor.pick(9, 16)
    steps: Steps = [(0.0, with_hands(replace(stand(actor.rng), feet=both(width, 0, 0)), actor.rng))]
    spins = actor.coin(0.4)
    for i in range(int(actor.pick(3.5, 5) / beat)):
        side = 1 if i % 2 else -1
        place = np.clip(place + actor.rng.normal(0, (16, 10)), -50, 50)
        facing += actor.pick(30, 90) if spins and actor.coin(0.5) else actor.pick(-25, 25)
        dip = actor.pick(0, 14)
        pose = KeyPose(
            at=(float(place[0]), float(place[1]), facing),
            pelvis=(side * actor.pick(2, 9), 92 - dip, 0),
            turn=(side * actor.pick(-5, 18), actor.pick(-4, 8), side * actor.pick(-8, 4), 0),
            spine=(actor.pick(-12, 18), -side * actor.pick(0, 16), -side * actor.pick(0, 30)),
            head=(actor.pick(-15, 15), actor.pick(-10, 10), actor.pick(-20, 20)),
            feet=both(width + actor.pick(-2, 6), 0, 0),
        )
        if actor.coin(0.3):  # a kick or a knee
            free = (actor.pick(0.0, 0.3), -actor.pick(0.6, 0.88), actor.pick(-0.2, 0.4))
            pose = replace(
                pose, pelvis=(-7, 93, 0), feet=(free, pose.feet[1]), foot_planted=(0, 1), toes=((0, 30), (8, 0))
            )
            pose = maybe_mirrored(pose, actor.coin())
            pose = replace(pose, at=(float(place[0]), float(place[1]), facing))
        steps.append((beat, pose))
    tracks = actor.play_steps(steps)
    pool = (
        "up",
        "up wide",
        "side",
        "side high",
        "wave",
        "flex",
        "point high",
        "crown",
        "hip",
        "guard",
        "open",
        "chest",
        "ahead",
    )
    return gestures(
        tracks,
        actor.rng,
        actor.rate,
        pool if actor.coin(0.7) else EVERYDAY,
        pause_s=(beat, 2 * beat),
        together=0.45,
        freedom=0.3,
    )
