"""Boxing and wrestling (categories 024 and 025)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from egotap_pl.synth.motion.gait import Gait
from egotap_pl.synth.motion.keyframes import KeyPose, both
from egotap_pl.synth.motion.poses import kneel
from egotap_pl.synth.motion.scripts.actor import Actor
from egotap_pl.synth.motion.scripts.common import Steps, going, sided
from egotap_pl.synth.motion.tracks import Tracks


def boxing(actor: Actor) -> Tracks:
    """Jabs, crosses, hooks and uppercuts from a guard, with slips, ducks and small steps."""
    dip = actor.pick(3, 12)
    guard = KeyPose(
        pelvis=(0, 92 - dip, 0),
        turn=(-actor.pick(10, 35), 5, 0, 0),
        spine=(actor.pick(5, 15), 0, 0),
        head=(8, 0, actor.pick(5, 20)),
        hands=((-0.12, actor.pick(-0.05, 0.15), 0.45), (-0.16, actor.pick(-0.1, 0.12), 0.36)),
        wrists=both(0, 0, 30),
        feet=((12, 0, 18), (13, 0, -18)),
        toes=((-8, 0), (35, 0)),
    )
    steps: Steps = [(0.0, guard)]
    place = np.zeros(2)
    for _ in range(actor.whole(5, 8)):
        if actor.coin(0.35):
            place = np.clip(place + actor.rng.normal(0, 12, 2), -40, 40)
        at = (float(place[0]), float(place[1]), actor.pick(-12, 12))
        back = replace(guard, at=at)
        lead, rear = guard.hands
        up, forward = actor.pick(-0.15, 0.3), actor.pick(0.85, 0.97)
        kind = actor.whole(0, 5)
        if kind <= 1:  # jab
            hit = replace(back, hands=((-0.1, up, forward), rear), spine=(10, 0, -15), pelvis=(2, 91 - dip, 6))
        elif kind == 2:  # cross
            hit = replace(
                back, hands=(lead, (-0.2, up, forward)), spine=(12, 0, 40), turn=(15, 6, 0, 0), pelvis=(2, 90 - dip, 8)
            )
            hit = replace(hit, toes=((-8, 0), (10, 35)), feet=(guard.feet[0], (13, 5, -18)))
        elif kind == 3:  # hook
            wind = replace(back, hands=((0.5, up, 0.45), rear), spine=(8, 0, 20), elbows=(50, 0))
            steps.append((actor.pick(0.15, 0.25), wind))
            hit = replace(back, hands=((-0.4, up, 0.55), rear), spine=(8, 0, -35), turn=(-40, 5, 0, 0), elbows=(60, 0))
        elif kind == 4:  # uppercut
            wind = replace(back, hands=(lead, (0.0, -0.6, 0.3)), spine=(18, -8, -15), pelvis=(-2, 84 - dip, 0))
            steps.append((actor.pick(0.15, 0.25), wind))
            hit = replace(back, hands=(lead, (-0.2, 0.3, 0.5)), spine=(0, 0, 35), pelvis=(2, 93 - dip, 4))
        else:  # slip or duck
            hit = replace(back, pelvis=(0, 80 - dip, -4), spine=(30, actor.pick(-22, 22), actor.pick(-20, 20)))
        steps += [(actor.pick(0.13, 0.22), hit), (actor.pick(0.2, 0.4), back)]
        if actor.coin(0.4):
            steps.append((actor.pick(0.2, 0.6), replace(back, pelvis=(0, 90 - dip, 0))))
    return sided(actor, steps)


def wrestling(actor: Actor) -> Tracks:
    """Grabs, clinches, shots for the legs and sprawls from a low stance; or circling around the opponent."""
    low = actor.pick(64, 78)
    stance = KeyPose(
        pelvis=(0, low, -6),
        turn=(0, actor.pick(20, 35), 0, 0),
        spine=(actor.pick(15, 30), 0, 0),
        head=(-actor.pick(20, 40), 0, 0),
        hands=((0.05, actor.pick(-0.4, -0.1), 0.6), (0.05, actor.pick(-0.4, -0.1), 0.6)),
        feet=((17, 0, 14), (17, 0, -12)),
        toes=((12, 0), (20, 0)),
    )
    if actor.coin(0.25):
        gait = Gait(cadence=actor.pick(0.8, 1.1), width_cm=19, arm_swing=0.06, lift_cm=6, roll_deg=10)
        return going(actor, stance, actor.pick(-15, 25), actor.pick(-40, 40), gait, actor.pick(3, 4.5))
    steps: Steps = [(0.0, stance)]
    for _ in range(actor.whole(3, 5)):
        at = (actor.pick(-15, 15), actor.pick(-15, 15), actor.pick(-35, 35))
        here = replace(stance, at=at)
        kind = actor.whole(0, 3)
        if kind == 0:  # grabs an arm or the neck
            act = replace(here, hands=((-0.2, 0.1, 0.85), (-0.1, -0.35, 0.7)), spine=(25, 0, actor.pick(-30, 30)))
            pull = replace(act, hands=((-0.3, -0.2, 0.45), (-0.2, -0.4, 0.35)), spine=(10, actor.pick(-15, 15), 25))
            steps += [(actor.pick(0.3, 0.5), act), (actor.pick(0.3, 0.6), replace(pull, pelvis=(0, low - 4, -14)))]
        elif kind == 1:  # clinch
            act = replace(here, pelvis=(0, 86, 4), turn=(0, 12, 0, 0), hands=both(-0.35, actor.pick(-0.4, 0.1), 0.55))
            act = replace(act, spine=(12, actor.pick(-15, 15), actor.pick(-35, 35)), elbows=(30, 30), head=(-5, 15, 0))
            steps += [(0.5, act), (0.4, replace(act, spine=(-5, 8, -30), turn=(20, -6, 0, 0)))]
        elif kind == 2:  # shoots for the legs
            act = replace(kneel(actor.rng), at=at, hands=both(0.05, actor.pick(-0.4, -0.1), 0.75), head=(-30, 0, 0))
            steps.append((actor.pick(0.4, 0.6), replace(act, turn=(0, 25, 0, 0), pelvis=(0, 52, 8))))
            steps.append((0.4, replace(act, hands=both(-0.25, -0.3, 0.5))))
        else:  # sprawls
            act = replace(
                here,
                pelvis=(0, 34, -18),
                turn=(0, 72, 0, 0),
                spine=(-5, 0, 0),
                hands=both(24, 4, 30),
                hand_planted=(1, 1),
                feet=both(20, 2, -92),
                toes=((10, 60), (10, 60)),
            )
            steps += [(actor.pick(0.5, 0.7), act), (0.3, act)]
        steps.append((actor.pick(0.4, 0.7), here))
    return sided(actor, steps)
