"""Soccer, basketball and American football (categories 026, 028 and 029)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from egotap_pl.synth.motion.gait import Gait, route_from_speeds, stepping
from egotap_pl.synth.motion.keyframes import Both, KeyPose, both
from egotap_pl.synth.motion.poses import squat, with_hands
from egotap_pl.synth.motion.scripts.actor import Actor
from egotap_pl.synth.motion.scripts.athletic import leap
from egotap_pl.synth.motion.scripts.common import Steps, going, sided, together
from egotap_pl.synth.motion.tracks import Tracks


def soccer(actor: Actor) -> Tracks:
    """Kicks, headers, dribbling, and the catches of a goalkeeper."""
    kind = actor.whole(0, 4)
    base = KeyPose(pelvis=(0, 91, 0), turn=(0, 4, 0, 0), spine=(6, 0, 0), head=(15, 0, 0), feet=both(11, 0, 0))
    base = with_hands(base, actor.rng, ("hang wide", "side low", "belly", "guard"), 0.1)
    if kind == 0:
        gait = Gait(cadence=actor.pick(1.0, 1.35), lift_cm=actor.pick(10, 18), duty=0.52, arm_swing=0.25, bob_cm=3)
        pose = replace(base, pelvis=(0, 87, 0), turn=(0, 10, 0, 0), head=(30, 0, 0), hands=both(0.3, -0.65, 0.15))
        return going(actor, pose, actor.pick(100, 200), actor.pick(-15, 15), gait, actor.pick(3, 4))
    if kind == 1:
        air = replace(base, lift=actor.pick(10, 35), hands=both(0.5, -0.1, 0.3), spine=(-15, 0, 0), head=(-20, 0, 0))
        nod = replace(air, spine=(25, 0, 0), head=(25, 0, 0), lift=0.7 * float(air.lift))
        free = both(0.08, -0.9, -0.1)
        air, nod = (replace(p, feet=free, foot_planted=(0, 0), toes=((0, 30), (0, 30))) for p in (air, nod))
        steps = leap(actor, base, base, air, actor.pick(15, 25), 0.5)
        steps.insert(3, (0.12, nod))
        return sided(actor, [(0.0, base), *steps])
    if kind == 2:
        ready = replace(squat(actor.rng, actor.pick(72, 82)), hands=both(0.2, -0.5, 0.55))
        reach = (actor.pick(-0.5, 0.8), actor.pick(-0.6, 0.9), 0.6)
        left = reach[0]
        grab = replace(ready, hands=together(left, reach[1], reach[2], 0.35), spine=(10, 20 * left, 15 * left))
        hold = replace(ready, hands=together(0, -0.35, 0.4, 0.3), spine=(25, 0, 0))
        return sided(actor, [(0.0, ready), (0.6, ready), (0.4, grab), (0.2, grab), (0.5, hold), (0.6, ready)])
    return _kicks(actor, base)


def _kicks(actor: Actor, base: KeyPose) -> Tracks:
    steps: Steps = [(0.0, base)]
    for i in range(actor.whole(1, 2)):
        z, power = 40.0 * i, actor.pick(0.5, 1.0)
        plant = replace(base, at=(0, z, 0), feet=((10, 0, 22), (8, 0, -30)), pelvis=(-4, 88, 0))
        back = replace(
            plant,
            pelvis=(3, 88, 14),
            turn=(-15 * power, 8, 0, 0),
            spine=(0, 0, 25 * power),
            feet=((10, 0, 22), (0.12, -0.72, -0.3 - 0.3 * power)),
            foot_planted=(1, 0),
            toes=((8, 0), (0, 45)),
            hands=((0.65, -0.3, 0.4), (0.5, -0.65, -0.3)),
        )
        swung = replace(
            back,
            turn=(12, -6 - 8 * power, 0, 0),
            spine=(15, 0, -25 * power),
            feet=((10, 0, 22), (-0.08, -0.9 + 0.4 * power, 0.35 + 0.35 * power)),
            hands=((0.3, -0.5, -0.3), (0.6, -0.3, 0.35)),
        )
        done = replace(base, at=(0, z + 40, 0))
        steps += [(0.35, plant), (0.25, back), (actor.pick(0.18, 0.28), swung), (0.2, swung), (0.45, done)]
        steps.append((actor.pick(0.2, 0.5), done))
    return sided(actor, steps)


def basketball(actor: Actor) -> Tracks:
    """Dribbling on the move or on the spot, jump shots, passes, and defence with spread arms."""
    kind = actor.whole(0, 3)
    low = actor.pick(70, 86)
    ready = replace(squat(actor.rng, low), hands=together(0, -0.3, 0.45, 0.35), elbows=(15, 15))
    ready = replace(ready, feet=both(16, 0, 0), toes=((10, 0), (10, 0)), head=(-10, 0, 0))
    if kind == 0:
        pumped = _dribble(actor, ready)
        gait = Gait(cadence=1.0, width_cm=13, arm_swing=0.05, lift_cm=10)
        seconds = (pumped.num_frames - 1) / actor.rate
        times = np.linspace(0, seconds, 4)
        speed = actor.pick(0, 150) if actor.coin(0.7) else 0.0
        route = route_from_speeds(times, speed * np.ones(4), actor.rng.normal(0, 15, 4), actor.rng.normal(0, 30, 4))
        return stepping(pumped, route, gait, actor.rate)
    if kind == 1:
        gait = Gait(
            cadence=actor.pick(1.0, 1.3), width_cm=24, sway_cm=2, arm_swing=0, lift_cm=5, twist_deg=1, roll_deg=5
        )
        wide = replace(ready, hands=both(actor.pick(0.4, 0.85), actor.pick(-0.4, 0.5), 0.35))
        return going(actor, wide, 0, actor.pick(35, 65) * (1 if actor.coin() else -1), gait, actor.pick(2.5, 4))
    up = together(-0.2, 0.45, 0.4, 0.3)
    steps: Steps = [(0.0, ready), (actor.pick(0.3, 0.8), ready)]
    for _ in range(actor.whole(1, 2)):
        if kind == 2:
            stand = replace(ready, pelvis=(0, 92, 0), turn=(0, 3, 0, 0), spine=(0, 0, 0), hands=up)
            shot: Both = ((-0.1, 0.75, 0.4), (-0.25, 0.9, 0.35))
            air = replace(stand, hands=shot, lift=actor.pick(8, 35), feet=both(0.12, -0.93, -0.05), foot_planted=(0, 0))
            air = replace(air, wrists=((20, 0, 0), (60, 0, 0)), toes=((0, 35), (0, 35)), head=(-15, 0, 0))
            dipped = replace(ready, hands=together(-0.1, -0.2, 0.4, 0.3))
            steps += leap(actor, replace(dipped, hands=up), replace(ready, hands=both(0.2, -0.3, 0.5)), air, 16, 0.5)
            steps.append((actor.pick(0.4, 0.7), ready))
        else:
            target: Both = (both(-0.05, actor.pick(-0.2, 0.1), 0.95), both(-0.1, 0.7, 0.6))[actor.whole(0, 1)]
            cocked = together(0, -0.2, 0.32, 0.3) if target[0][1] < 0.5 else together(0, 0.55, 0.0, 0.3)
            wind, twist = replace(ready, hands=cocked), actor.pick(-35, 35)
            out = replace(
                ready, hands=target, spine=(10, 0, twist), pelvis=(0, low + 5, 6), feet=((16, 0, 25), (16, 0, 0))
            )
            caught = replace(ready, hands=together(0, actor.pick(-0.1, 0.5), 0.65, 0.35))
            steps += [(0.35, wind), (0.2, out), (0.3, out), (0.5, caught), (0.4, ready)]
    return sided(actor, steps)


def _dribble(actor: Actor, ready: KeyPose) -> Tracks:
    beat, swap = actor.pick(0.2, 0.32), actor.coin(0.4)
    other = ((0.4, -0.35, 0.45), (0.2, -0.75, 0.3), (-0.1, -0.3, 0.5))[actor.whole(0, 2)]
    steps: Steps = []
    side = actor.coin()
    for i in range(actor.whole(9, 14)):
        height = -0.35 if i % 2 else actor.pick(-0.8, -0.68)
        hand = (actor.pick(0.05, 0.25), height, 0.5)
        if swap and i % 6 == 0:
            side = not side
        pose = replace(
            ready, hands=(hand, other) if side else (other, hand), spine=(ready.spine[0], 0, -8 if side else 8)
        )
        steps.append((beat if i else 0.0, pose))
    return actor.play_steps(steps)


def american_football(actor: Actor) -> Tracks:
    """Passes, catches, carrying the ball, and a start from a three-point stance with a tackle."""
    kind = actor.whole(0, 3)
    ready = KeyPose(
        pelvis=(0, actor.pick(82, 91), 0),
        turn=(0, 8, 0, 0),
        spine=(10, 0, 0),
        hands=together(0, -0.3, 0.42, 0.25),
        feet=((13, 0, 8), (13, 0, -8)),
    )
    if kind == 0:  # pass
        cocked = replace(
            ready,
            turn=(-60, 0, 0, 0),
            spine=(-5, 0, -20),
            head=(0, 0, 60),
            hands=((0.3, -0.1, 0.75), (0.35, 0.35, -0.05)),
            elbows=(0, 20),
            feet=((14, 0, 16), (14, 0, -22)),
            toes=((-30, 0), (60, 0)),
        )
        thrown = replace(
            cocked,
            turn=(10, 8, 0, 0),
            spine=(20, 5, 30),
            head=(0, 0, -10),
            hands=((0.2, -0.55, 0.1), (-0.15, 0.25, 0.9)),
            feet=((12, 0, 42), (12, 4, -18)),
            toes=((0, 0), (15, 40)),
            pelvis=(0, 86, 14),
        )
        follow = replace(thrown, hands=((0.25, -0.7, -0.1), (-0.5, -0.5, 0.5)), spine=(30, 5, 40), pelvis=(0, 86, 20))
        steps: Steps = [(0.0, ready), (actor.pick(0.3, 0.8), ready), (0.5, cocked), (actor.pick(0.1, 0.4), cocked)]
        return sided(actor, [*steps, (0.28, thrown), (0.22, follow), (0.6, replace(ready, at=(0, 20, 0)))], 0.3)
    if kind == 1:  # carries the ball
        pose = replace(ready, hands=((-0.2, -0.45, 0.3), (0.05, -0.5, 0.2)), pelvis=(0, 85, 0), turn=(0, 14, 0, 0))
        gait = Gait(cadence=1.35, duty=0.42, lift_cm=25, arm_swing=0.1, bob_cm=4, roll_deg=55, twist_deg=8, width_cm=7)
        tracks = going(actor, pose, actor.pick(180, 320), actor.pick(-30, 30), gait, actor.pick(2.2, 3.2))
        hand = tracks.hand.copy()
        hand[:, 1, 2] += 0.35 * np.sin(2 * np.pi * gait.cadence * np.arange(len(hand)) / actor.rate)
        return replace(tracks, hand=hand)
    if kind == 2:  # catch
        left, up = actor.pick(-0.5, 0.5), actor.pick(-0.3, 0.95)
        grab = replace(
            ready, hands=together(left, up, 0.55 if up > 0.5 else 0.75, 0.2), spine=(-5, 15 * left, 25 * left)
        )
        grab = replace(grab, head=(-25 * up, 0, 25 * left))
        tucked = replace(ready, hands=((-0.15, -0.45, 0.3), (-0.3, -0.35, 0.35)), spine=(25, 0, actor.pick(-30, 30)))
        return sided(
            actor,
            [(0.0, ready), (actor.pick(0.4, 0.9), ready), (0.4, grab), (0.15, grab), (0.35, tucked), (0.6, tucked)],
        )
    stance = KeyPose(
        pelvis=(0, 62, 0),
        turn=(0, 68, 0, 0),
        spine=(20, 0, -8),
        head=(-55, 0, 0),
        hands=((0.05, -0.35, 0.3), (14, 4, 46)),
        hand_planted=(0, 1),
        feet=((15, 0, 12), (15, 5, -18)),
        toes=((5, 0), (5, 35)),
    )
    burst = replace(
        ready,
        pelvis=(0, 74, 34),
        turn=(0, 32, 0, 0),
        spine=(15, 0, 0),
        head=(-25, 0, 0),
        hands=both(0.05, actor.pick(-0.2, 0.15), actor.pick(0.6, 0.9)),
        feet=((13, 0, 50), (13, 6, -12)),
        toes=((5, 0), (5, 45)),
    )
    wrap = replace(
        burst, pelvis=(0, 70, 46), hands=both(-0.35, -0.2, 0.55), feet=((14, 0, 52), (14, 0, 20)), elbows=(30, 30)
    )
    start = actor.pick(0.5, 1.2)
    return sided(
        actor,
        [(0.0, stance), (start, stance), (0.4, burst), (0.3, wrap), (0.5, wrap), (0.7, replace(ready, at=(0, 40, 0)))],
    )
