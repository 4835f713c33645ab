"""Standing, crouching and walking (categories 010 to 022), and singing (005)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from egotap_pl.synth.motion.gait import Gait, route_from_speeds, stepping
from egotap_pl.synth.motion.keyframes import KeyPose, Num, both
from egotap_pl.synth.motion.poses import kneel, maybe_mirrored, squat, stand, with_hands
from egotap_pl.synth.motion.scripts.actor import Actor
from egotap_pl.synth.motion.tracks import Tracks
from egotap_pl.synth.motion.upper import CALM, EVERYDAY, HANDS, TALKING, gestures, glances


def _travel(
    actor: Actor,
    base: KeyPose,
    gait: Gait,
    forward: Num,
    left: Num,
    turn: Num,
    *,
    swing_arms: Num,
    vary: Num = 0.3,
) -> Tracks:
    """Steps for three to five seconds at approximate speeds (cm/s, degrees/s)."""
    seconds = actor.pick(3.0, 5.0)
    times = np.arange(0.0, seconds + 1.5, 1.5)
    factors = [np.clip(actor.rng.normal(1, vary, len(times)), 0.3, 1.7) for _ in range(3)]
    drift = actor.rng.normal(0, 12, len(times))
    route = route_from_speeds(times, forward * factors[0], left * factors[1], turn * factors[2] + drift)
    tracks = actor.play([(0, base)], seconds)
    swinging = actor.coin(swing_arms)
    if not swinging:
        tracks = gestures(tracks, actor.rng, actor.rate, EVERYDAY, pause_s=(0.6, 2.0), together=0.4)
        gait = replace(gait, arm_swing=0.05)
    tracks = glances(tracks, actor.rng, actor.rate)
    return stepping(tracks, route, gait, actor.rate, actor.pick(0, 1))


def _crouched(actor: Actor) -> KeyPose:
    pose = squat(actor.rng, actor.pick(55, 74))
    return with_hands(
        replace(pose, feet=both(11, 0, 0), toes=both_toes(8)), actor.rng, ("thigh", "hang", "guard", "carry")
    )


def both_toes(out: Num) -> tuple[tuple[Num, Num], tuple[Num, Num]]:
    """Flat feet, both turned out by the same angle."""
    return (out, 0.0), (out, 0.0)


def _crouch_gait(actor: Actor) -> Gait:
    return Gait(
        cadence=actor.pick(0.6, 0.95),
        width_cm=actor.pick(9, 14),
        lift_cm=actor.pick(6, 12),
        duty=0.64,
        bob_cm=1.5,
        sway_cm=3.0,
        twist_deg=actor.pick(2, 8),
        arm_swing=actor.pick(0.05, 0.3),
        roll_deg=20,
    )


def crouching_normal(actor: Actor) -> Tracks:
    """Squatting or kneeling on one knee, with busy hands, shifting a little."""
    mirror = actor.coin()
    deep = actor.pick(26, 62)
    keys = [(0.0, maybe_mirrored(kneel(actor.rng) if deep < 36 else squat(actor.rng, deep), mirror))]
    for _ in range(actor.whole(2, 3)):
        x, y, z = keys[0][1].pelvis
        again = replace(
            keys[0][1],
            pelvis=(x + actor.pick(-4, 4), y + actor.pick(0, 5), z + actor.pick(-3, 3)),
            spine=(actor.pick(0, 40), actor.pick(-10, 10), actor.pick(-25, 25)),
        )
        keys.append((keys[-1][0] + actor.pick(0.9, 1.8), again))
    pool = ("thigh", "belly", "carry", "reach down", "chest", "phone", "offer", "point low", "chin", "book", "hang")
    tracks = gestures(actor.play(keys), actor.rng, actor.rate, pool)
    return glances(tracks, actor.rng, actor.rate)


def crouching_turning(actor: Actor) -> Tracks:
    """Turning on the spot in a crouch."""
    turn = actor.pick(35, 80) * (1 if actor.coin() else -1)
    return _travel(actor, _crouched(actor), _crouch_gait(actor), actor.pick(-8, 8), 0, turn, swing_arms=0.3)


def crouching_forward(actor: Actor) -> Tracks:
    """Walking forward in a crouch."""
    return _travel(actor, _crouched(actor), _crouch_gait(actor), actor.pick(30, 75), 0, 0, swing_arms=0.5)


def crouching_backward(actor: Actor) -> Tracks:
    """Walking backward in a crouch."""
    return _travel(actor, _crouched(actor), _crouch_gait(actor), -actor.pick(22, 50), 0, 0, swing_arms=0.5)


def crouching_sideways(actor: Actor) -> Tracks:
    """Walking sideways in a crouch."""
    left = actor.pick(18, 36) * (1 if actor.coin() else -1)
    gait = replace(_crouch_gait(actor), width_cm=actor.pick(17, 23), arm_swing=0.0)
    return _travel(actor, _crouched(actor), gait, 0, left, 0, swing_arms=0.4)


def _rise(actor: Actor, up_first: bool) -> Tracks:
    mirror = actor.coin()
    low = kneel(actor.rng) if actor.coin(0.3) else squat(actor.rng, actor.pick(30, 60))
    high = replace(stand(actor.rng), feet=low.feet, toes=both_toes(10), knees=low.knees)
    if low.feet[1][2] < -30:  # from one knee: the back foot moves up to the other one
        high = replace(high, feet=(low.feet[0], (12, 0, 12)), pelvis=(0, 91, 18))
        low = replace(low, foot_planted=(1, 1))
    ways = ("thigh", "hang", "reach down", "carry", "belly", "chest", "up wide", "hip")
    low, high = (maybe_mirrored(with_hands(p, actor.rng, ways), mirror) for p in (low, high))
    first, second = (low, high) if up_first else (high, low)
    wait, move, rest = actor.pick(0.3, 1.2), actor.pick(0.8, 1.8), actor.pick(0.4, 1.2)
    back = actor.coin(0.4)
    steps = [(0, first), (wait, first), (move, second), (rest, second)]
    if back:
        steps += [(actor.pick(0.8, 1.6), first), (0.3, first)]
    tracks = actor.play_steps(steps)
    if actor.coin(0.5):
        tracks = gestures(tracks, actor.rng, actor.rate, EVERYDAY, pause_s=(0.7, 1.8), together=0.5)
    return glances(tracks, actor.rng, actor.rate)


def crouching_to_standing(actor: Actor) -> Tracks:
    """Standing up from a squat or from one knee."""
    return _rise(actor, up_first=True)


def standing_to_crouching(actor: Actor) -> Tracks:
    """Going down into a squat or onto one knee."""
    return _rise(actor, up_first=False)


def standing_whole_body(actor: Actor) -> Tracks:
    """Moving the whole body on the spot: leaning, bending down, reaching up, lifting a knee, shifting weight."""
    base = stand(actor.rng)
    steps = [(0.0, with_hands(base, actor.rng, CALM))]
    for _ in range(actor.whole(3, 5)):
        _, y, z = base.pelvis
        kind = actor.whole(0, 4)
        shift = actor.pick(-7, 7)
        pose = replace(
            base, pelvis=(shift, y - 0.05 * shift**2, z), spine=(actor.pick(-5, 10), shift, actor.pick(-20, 20))
        )
        if kind == 0:  # bends down to something
            low = ("reach down", "point low", "thigh", "hang")
            pose = replace(pose, pelvis=(0, y - actor.pick(3, 14), z - 8), turn=(0, actor.pick(20, 45), 0, 0))
            pose = with_hands(replace(pose, spine=(actor.pick(30, 60), 0, actor.pick(-20, 20))), actor.rng, low, 0.1)
        elif kind == 1:  # reaches up
            pose = with_hands(
                replace(pose, spine=(-8, actor.pick(-15, 15), 0)), actor.rng, ("up", "up wide", "point high")
            )
        elif kind == 2:  # lifts a knee
            lifted = replace(
                pose,
                pelvis=(-7, y - 1, z),
                feet=((0.08, actor.pick(-0.65, -0.4), actor.pick(0.1, 0.4)), base.feet[1]),
                foot_planted=(0, 1),
                toes=((0, 20), base.toes[1]),
            )
            pose = with_hands(lifted if actor.coin() else lifted.mirrored(), actor.rng, EVERYDAY)
        else:
            pose = with_hands(pose, actor.rng, EVERYDAY)
        steps += [(actor.pick(0.6, 1.3), pose), (actor.pick(0.1, 0.4), pose)]
    return glances(actor.play_steps(steps), actor.rng, actor.rate)


def standing_upper_body(actor: Actor) -> Tracks:
    """Gestures, twists and glances on the spot, with still feet."""
    base = stand(actor.rng)
    steps = [(0.0, base)]
    for _ in range(actor.whole(2, 4)):
        bent = (actor.pick(-8, 25), actor.pick(-12, 12), actor.pick(-35, 35))
        steps.append((actor.pick(0.8, 1.6), replace(base, spine=bent)))
    tracks = gestures(actor.play_steps(steps), actor.rng, actor.rate, EVERYDAY, pause_s=(0.4, 1.3), freedom=0.35)
    return glances(tracks, actor.rng, actor.rate, 1.3)


def singing(actor: Actor) -> Tracks:
    """Singing into a microphone in one or both hands, gesturing with a free arm, swaying to the beat."""
    beat = actor.pick(0.5, 0.9)
    base = stand(actor.rng)
    steps = [(0.0, base)]
    for i in range(int(actor.pick(3.5, 5) / beat)):
        side = 1 if i % 2 else -1
        sway = side * actor.pick(2, 6)
        pose = replace(
            base,
            pelvis=(sway, base.pelvis[1] - actor.pick(0, 3), base.pelvis[2]),
            turn=(actor.pick(-8, 8), 0, 0, 0),
            spine=(actor.pick(-12, 12), -sway, actor.pick(-15, 15)),
            head=(actor.pick(-20, 12), sway, actor.pick(-20, 20)),
        )
        steps.append((beat, pose))
    tracks = gestures(actor.play_steps(steps), actor.rng, actor.rate, (*TALKING, "up", "point high", "up wide", "side"))
    near, elbow = HANDS["mouth"]
    shift = actor.rng.normal(0, 0.05, 3)
    holding = (True, actor.coin(0.25)) if actor.coin() else (actor.coin(0.25), True)
    if actor.coin(0.15):
        holding = (False, False)
    at = np.array(holding)
    return replace(
        tracks,
        hand=np.where(at[:, None], np.array(near) + shift, tracks.hand),
        elbow=np.where(at, elbow, tracks.elbow),
        wrist=np.where(at[:, None], np.array([10.0, 0.0, 60.0]), tracks.wrist),
    )


def standing_turning(actor: Actor) -> Tracks:
    """Turning on the spot, upright."""
    turn = actor.pick(50, 120) * (1 if actor.coin() else -1)
    gait = Gait(
        cadence=actor.pick(0.8, 1.2), width_cm=actor.pick(9, 13), sway_cm=2, bob_cm=1, twist_deg=2, arm_swing=0.08
    )
    base = replace(with_hands(stand(actor.rng), actor.rng, CALM), pelvis=(0, 92, 0))
    return _travel(actor, base, gait, actor.pick(-5, 12), 0, turn, swing_arms=0.25)


def standing_forward(actor: Actor) -> Tracks:
    """Walking, jogging or running forward, sometimes along a curve."""
    speed = actor.pick(60, 340) if actor.coin(0.35) else actor.pick(60, 160)
    bend = actor.rng.normal(0, 15)
    upright = replace(stand(actor.rng), hands=both(0.16, -0.92, 0.08))
    if speed < 190:
        cadence = 0.55 + speed / 400
        gait = Gait(
            cadence=cadence, twist_deg=actor.pick(3, 9), arm_swing=actor.pick(0.1, 0.4), width_cm=actor.pick(6, 11)
        )
        base = replace(
            upright, pelvis=(0, 91.5 - (speed / cadence / 45) ** 2 * 0.35, 0), turn=(0, actor.pick(0, 5), 0, 0)
        )
        return _travel(actor, base, gait, speed, 0, bend, swing_arms=0.4)
    gait = Gait(
        cadence=1.2 + speed / 2000,
        width_cm=5,
        lift_cm=actor.pick(14, 26),
        duty=0.4,
        bob_cm=5,
        sway_cm=1,
        twist_deg=8,
        arm_swing=actor.pick(0.3, 0.45),
        roll_deg=60,
    )
    base = replace(
        upright,
        pelvis=(0, 86, 0),
        turn=(0, actor.pick(6, 14), 0, 0),
        spine=(actor.pick(2, 8), 0, 0),
        hands=both(0.05, -0.5, 0.25),
        wrists=both(0, 0, 20),
    )
    return _travel(actor, base, gait, speed, 0, bend, swing_arms=0.8, vary=0.08)


def standing_backward(actor: Actor) -> Tracks:
    """Walking backward."""
    gait = Gait(cadence=actor.pick(0.7, 1.0), twist_deg=3, arm_swing=-actor.pick(0.05, 0.25), roll_deg=-10, width_cm=10)
    base = replace(with_hands(stand(actor.rng), actor.rng, CALM), pelvis=(0, 90.5, 0))
    return _travel(actor, base, gait, -actor.pick(40, 95), 0, 0, swing_arms=0.35)


def standing_sideways(actor: Actor) -> Tracks:
    """Stepping sideways."""
    left = actor.pick(25, 60) * (1 if actor.coin() else -1)
    gait = Gait(
        cadence=actor.pick(0.8, 1.15), width_cm=actor.pick(15, 22), sway_cm=2, twist_deg=1, arm_swing=0.0, roll_deg=10
    )
    base = replace(with_hands(stand(actor.rng), actor.rng, CALM), pelvis=(0, 89, 0))
    return _travel(actor, base, gait, 0, left, 0, swing_arms=0.25)
