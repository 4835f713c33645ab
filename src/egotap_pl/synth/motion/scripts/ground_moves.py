"""Rolling and crawling (categories 006 and 007)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from egotap_pl.synth.motion.gait import Gait, plants, route_from_speeds
from egotap_pl.synth.motion.keyframes import KeyPose, Num, both
from egotap_pl.synth.motion.poses import all_fours, prone, squat, stand, supine
from egotap_pl.synth.motion.scripts.actor import Actor
from egotap_pl.synth.motion.tracks import Tracks
from egotap_pl.synth.motion.upper import glances


def rolling(actor: Actor) -> Tracks:
    """Rolling forward or backward from a squat, or sideways along the ground."""
    return (_somersault, _log_roll, _somersault)[actor.whole(0, 2)](actor)


def _somersault(actor: Actor) -> Tracks:
    back = actor.coin(0.35)
    sign = -1 if back else 1
    start = replace(squat(actor.rng, actor.pick(35, 50)), hands=both(0.1, -0.45, 0.75))
    tuck = KeyPose(
        pelvis=(0, 30, 0),
        spine=(60, 0, 0),
        head=(40, 0, 0),
        hands=both(-0.05, -0.35 if not back else 0.3, 0.55 if not back else 0.15),
        feet=both(0.06, -actor.pick(0.25, 0.4), actor.pick(0.25, 0.35)),
        foot_planted=(0, 0),
        toes=((0, 30), (0, 30)),
        knees=(8, 8),
    )
    pace = actor.pick(0.2, 0.32)
    steps: list[tuple[Num, KeyPose]] = [(0.0, start), (actor.pick(0.2, 0.7), start)]
    if not back:
        dive = replace(start, pelvis=(0, 48, 22), turn=(0, 75, 0, 0), spine=(50, 0, 0), head=(35, 0, 0))
        steps.append((0.4, replace(dive, hands=both(20, 4, 55), hand_planted=(1, 1))))
    for angle in (130, 190, 250, 310) if not back else (-50, -110, -170, -240, -300):
        along = 25 + 100 * (angle - 75) / 260 if not back else 100 * angle / 330
        height = 30 - 12 * np.cos(np.deg2rad(angle + 90)) if not back else 28
        steps.append((pace, replace(tuck, pelvis=(0, float(height), along), turn=(0, angle, 0, 0))))
    end = replace(start, at=(0, sign * 150, 0), turn=(0, start.turn[1] + 360 * sign, 0, 0))
    up = replace(stand(actor.rng), at=(0, sign * 150, 0), turn=(0, 360 * sign, 0, 0), feet=start.feet)
    steps += [(0.35, end), (actor.pick(0.5, 0.9), up if actor.coin(0.6) else end)]
    return actor.play_steps(steps)


def _log_roll(actor: Actor) -> Tracks:
    sign = 1 if actor.coin() else -1
    overhead = actor.coin()
    body = replace(
        supine(actor.rng),
        spine=(actor.pick(0, 10), 0, 0),
        feet=both(0.0, -0.97, 0.02),
        knees=(0, 0),
        toes=((0, 45), (0, 45)),
        hands=both(0.0, 0.9, 0.15) if overhead else both(actor.pick(-0.35, -0.1), actor.pick(-0.5, -0.1), 0.38),
    )
    steps: list[tuple[Num, KeyPose]] = [(0.0, body), (actor.pick(0.2, 0.6), body)]
    turns, pace = actor.whole(1, 2), actor.pick(0.35, 0.55)
    for quarter in range(1, 4 * turns + 1):
        bend = actor.pick(-12, 12)
        pose = replace(body, pelvis=(sign * 22 * quarter, 13, 0), turn=(0, -88, 0, sign * 90 * quarter))
        steps.append((pace, replace(pose, spine=(body.spine[0], bend, sign * actor.pick(-15, 15)))))
    return actor.play_steps(steps)


def crawling(actor: Actor) -> Tracks:
    """Crawling on hands and knees, on hands and feet, or flat on the belly."""
    return (_hands_and_knees, _hands_and_knees, _hands_and_feet, _belly)[actor.whole(0, 3)](actor)


def _hands_and_knees(actor: Actor) -> Tracks:
    return _four_legged(actor, all_fours(actor.rng), actor.pick(22, 55), knee_cm=-46, ankle_cm=6.0)


def _hands_and_feet(actor: Actor) -> Tracks:
    pose = replace(all_fours(actor.rng), pelvis=(0, actor.pick(68, 78), 0), turn=(0, 100, 0, 0), toes=((8, 0), (8, 0)))
    return _four_legged(actor, pose, actor.pick(25, 60), knee_cm=-12, ankle_cm=10.0)


def _four_legged(actor: Actor, pose: KeyPose, speed: Num, knee_cm: Num, ankle_cm: Num) -> Tracks:
    seconds = actor.pick(3, 4.5)
    times = np.array([0.0, seconds / 2, seconds])
    speed = -0.8 * speed if actor.coin(0.2) else speed
    route = route_from_speeds(times, speed * actor.rng.normal(1, 0.2, 3), np.zeros(3), actor.rng.normal(0, 15, 3))
    tracks = glances(actor.play([(0, pose)], seconds), actor.rng, actor.rate)
    time = np.arange(tracks.num_frames) / actor.rate
    x, z, yaw = route(time)
    gait = Gait(cadence=actor.pick(0.6, 0.95), width_cm=11, duty=0.68, lift_cm=4, roll_deg=0)
    hands = replace(gait, width_cm=float(pose.hands[0][0]) - 2, lift_cm=actor.pick(5, 12))
    feet = [plants(route, gait, time, side, side * 0.5, knee_cm, ankle_cm) for side in (0, 1)]
    palms = [plants(route, hands, time, side, 0.5 - side * 0.5, float(pose.hands[0][2]), 4.0) for side in (0, 1)]
    sway = 3.0 * np.sin(2 * np.pi * gait.cadence * time)
    turn, spine = tracks.turn.copy(), tracks.spine.copy()
    turn[:, 0] += yaw
    turn[:, 2] += sway
    spine[:, 1] += 1.5 * sway
    return replace(
        tracks,
        pelvis_cm=np.stack((x, tracks.pelvis_cm[:, 1], z), -1),
        turn=turn,
        spine=spine,
        foot_world_cm=np.stack([f.point_cm for f in feet], 1),
        foot_yaw=np.stack([f.yaw for f in feet], 1),
        hand_world_cm=np.stack([p.point_cm for p in palms], 1),
        hand_yaw=np.stack([p.yaw for p in palms], 1),
    )


def _belly(actor: Actor) -> Tracks:
    ahead, under = (0.12, 0.72, 0.22), (0.2, 0.12, 0.3)
    pull = replace(
        prone(actor.rng),
        spine=(-20, 8, 5),
        hands=(ahead, under),
        elbows=(25, 25),
        feet=((0.05, -0.97, 0.0), (0.42, -0.5, 0.05)),
        knees=(10, 80),
        head=(-45, 0, actor.pick(-15, 15)),
    )
    pace, reach = actor.pick(0.6, 0.95), actor.pick(14, 24)
    steps = []
    for i in range(actor.whole(4, 6)):
        pose = replace(pull if i % 2 else pull.mirrored(), pelvis=(0, 12, i * reach))
        steps.append((pace if i else 0.0, pose))
    return actor.play_steps(steps)
