"""Standing, crouching and going: categories 010 to 022, and singing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from egotap_pl.synth.motion.gait import Gait, path, stepping
from egotap_pl.synth.motion.keyframes import Num, Pose, both
from egotap_pl.synth.motion.poses import kneel, maybe_mirrored, squat, stand, with_hands
from egotap_pl.synth.motion.scripts.stage import Stage
from egotap_pl.synth.motion.tracks import Tracks
from egotap_pl.synth.motion.upper import CALM, EVERYDAY, HANDS, TALKING, gestures, glances


def _travel(
    stage: Stage,
    base: Pose,
    gait: Gait,
    forward: Num,
    left: Num,
    turn: Num,
    *,
    swing_arms: Num,
    vary: Num = 0.3,
) -> Tracks:
    """Steps for three to five seconds at about the given speeds (cm/s, deg/s)."""
    seconds = stage.pick(3.0, 5.0)
    times = np.arange(0.0, seconds + 1.5, 1.5)
    factors = [np.clip(stage.rng.normal(1, vary, len(times)), 0.3, 1.7) for _ in range(3)]
    drift = stage.rng.normal(0, 12, len(times))
    route = path(times, forward * factors[0], left * factors[1], turn * factors[2] + drift)
    tracks = stage.play([(0, base)], seconds)
    swinging = stage.coin(swing_arms)
    if not swinging:
        tracks = gestures(tracks, stage.rng, stage.rate, EVERYDAY, pause_s=(0.6, 2.0), together=0.4)
        gait = replace(gait, arm_swing=0.05)
    tracks = glances(tracks, stage.rng, stage.rate)
    return stepping(tracks, route, gait, stage.rate, stage.pick(0, 1))


def _crouched(stage: Stage) -> Pose:
    pose = squat(stage.rng, stage.pick(55, 74))
    return with_hands(
        replace(pose, feet=both(11, 0, 0), toes=both_toes(8)), stage.rng, ("thigh", "hang", "guard", "carry")
    )


def both_toes(out: Num) -> tuple[tuple[Num, Num], tuple[Num, Num]]:
    """Flat feet turned out alike."""
    return (out, 0.0), (out, 0.0)


def _crouch_gait(stage: Stage) -> Gait:
    return Gait(
        cadence=stage.pick(0.6, 0.95),
        width_cm=stage.pick(9, 14),
        lift_cm=stage.pick(6, 12),
        duty=0.64,
        bob_cm=1.5,
        sway_cm=3.0,
        twist_deg=stage.pick(2, 8),
        arm_swing=stage.pick(0.05, 0.3),
        roll_deg=20,
    )


def crouching_normal(stage: Stage) -> Tracks:
    """Squatting or on one knee, hands busy, shifting a little."""
    mirror = stage.coin()
    deep = stage.pick(26, 62)
    keys = [(0.0, maybe_mirrored(kneel(stage.rng) if deep < 36 else squat(stage.rng, deep), mirror))]
    for _ in range(stage.whole(2, 3)):
        x, y, z = keys[0][1].pelvis
        again = replace(
            keys[0][1],
            pelvis=(x + stage.pick(-4, 4), y + stage.pick(0, 5), z + stage.pick(-3, 3)),
            spine=(stage.pick(0, 40), stage.pick(-10, 10), stage.pick(-25, 25)),
        )
        keys.append((keys[-1][0] + stage.pick(0.9, 1.8), again))
    pool = ("thigh", "belly", "carry", "reach down", "chest", "phone", "offer", "point low", "chin", "book", "hang")
    tracks = gestures(stage.play(keys), stage.rng, stage.rate, pool)
    return glances(tracks, stage.rng, stage.rate)


def crouching_turning(stage: Stage) -> Tracks:
    """Crouched, turning on the spot."""
    turn = stage.pick(35, 80) * (1 if stage.coin() else -1)
    return _travel(stage, _crouched(stage), _crouch_gait(stage), stage.pick(-8, 8), 0, turn, swing_arms=0.3)


def crouching_forward(stage: Stage) -> Tracks:
    """Crouched, going forward."""
    return _travel(stage, _crouched(stage), _crouch_gait(stage), stage.pick(30, 75), 0, 0, swing_arms=0.5)


def crouching_backward(stage: Stage) -> Tracks:
    """Crouched, going backward."""
    return _travel(stage, _crouched(stage), _crouch_gait(stage), -stage.pick(22, 50), 0, 0, swing_arms=0.5)


def crouching_sideways(stage: Stage) -> Tracks:
    """Crouched, going sideways."""
    left = stage.pick(18, 36) * (1 if stage.coin() else -1)
    gait = replace(_crouch_gait(stage), width_cm=stage.pick(17, 23), arm_swing=0.0)
    return _travel(stage, _crouched(stage), gait, 0, left, 0, swing_arms=0.4)


def _rise(stage: Stage, up_first: bool) -> Tracks:
    mirror = stage.coin()
    low = kneel(stage.rng) if stage.coin(0.3) else squat(stage.rng, stage.pick(30, 60))
    high = replace(stand(stage.rng), feet=low.feet, toes=both_toes(10), knees=low.knees)
    if low.feet[1][2] < -30:  # from one knee: the hind foot comes up to the other
        high = replace(high, feet=(low.feet[0], (12, 0, 12)), pelvis=(0, 91, 18))
        low = replace(low, foot_planted=(1, 1))
    ways = ("thigh", "hang", "reach down", "carry", "belly", "chest", "up wide", "hip")
    low, high = (maybe_mirrored(with_hands(p, stage.rng, ways), mirror) for p in (low, high))
    first, second = (low, high) if up_first else (high, low)
    wait, move, rest = stage.pick(0.3, 1.2), stage.pick(0.8, 1.8), stage.pick(0.4, 1.2)
    back = stage.coin(0.4)
    steps = [(0, first), (wait, first), (move, second), (rest, second)]
    if back:
        steps += [(stage.pick(0.8, 1.6), first), (0.3, first)]
    tracks = stage.play_steps(steps)
    if stage.coin(0.5):
        tracks = gestures(tracks, stage.rng, stage.rate, EVERYDAY, pause_s=(0.7, 1.8), together=0.5)
    return glances(tracks, stage.rng, stage.rate)


def crouching_to_standing(stage: Stage) -> Tracks:
    """Getting up from a squat or from one knee."""
    return _rise(stage, up_first=True)


def standing_to_crouching(stage: Stage) -> Tracks:
    """Going down into a squat or on one knee."""
    return _rise(stage, up_first=False)


def standing_whole_body(stage: Stage) -> Tracks:
    """On the spot, with the whole body: leaning, bending down, reaching up, lifting a knee, shifting weight."""
    base = stand(stage.rng)
    steps = [(0.0, with_hands(base, stage.rng, CALM))]
    for _ in range(stage.whole(3, 5)):
        _, y, z = base.pelvis
        kind = stage.whole(0, 4)
        shift = stage.pick(-7, 7)
        pose = replace(
            base, pelvis=(shift, y - 0.05 * shift**2, z), spine=(stage.pick(-5, 10), shift, stage.pick(-20, 20))
        )
        if kind == 0:  # bends down to something
            low = ("reach down", "point low", "thigh", "hang")
            pose = replace(pose, pelvis=(0, y - stage.pick(3, 14), z - 8), turn=(0, stage.pick(20, 45), 0, 0))
            pose = with_hands(replace(pose, spine=(stage.pick(30, 60), 0, stage.pick(-20, 20))), stage.rng, low, 0.1)
        elif kind == 1:  # reaches up
            pose = with_hands(
                replace(pose, spine=(-8, stage.pick(-15, 15), 0)), stage.rng, ("up", "up wide", "point high")
            )
        elif kind == 2:  # lifts a knee
            lifted = replace(
                pose,
                pelvis=(-7, y - 1, z),
                feet=((0.08, stage.pick(-0.65, -0.4), stage.pick(0.1, 0.4)), base.feet[1]),
                foot_planted=(0, 1),
                toes=((0, 20), base.toes[1]),
            )
            pose = with_hands(lifted if stage.coin() else lifted.mirrored(), stage.rng, EVERYDAY)
        else:
            pose = with_hands(pose, stage.rng, EVERYDAY)
        steps += [(stage.pick(0.6, 1.3), pose), (stage.pick(0.1, 0.4), pose)]
    return glances(stage.play_steps(steps), stage.rng, stage.rate)


def standing_upper_body(stage: Stage) -> Tracks:
    """On the spot, feet still: gestures, twists and looks."""
    base = stand(stage.rng)
    steps = [(0.0, base)]
    for _ in range(stage.whole(2, 4)):
        bent = (stage.pick(-8, 25), stage.pick(-12, 12), stage.pick(-35, 35))
        steps.append((stage.pick(0.8, 1.6), replace(base, spine=bent)))
    tracks = gestures(stage.play_steps(steps), stage.rng, stage.rate, EVERYDAY, pause_s=(0.4, 1.3), freedom=0.35)
    return glances(tracks, stage.rng, stage.rate, 1.3)


def singing(stage: Stage) -> Tracks:
    """A microphone in one hand or in both, the other arm telling the song; swaying to the beat."""
    beat = stage.pick(0.5, 0.9)
    base = stand(stage.rng)
    steps = [(0.0, base)]
    for i in range(int(stage.pick(3.5, 5) / beat)):
        side = 1 if i % 2 else -1
        sway = side * stage.pick(2, 6)
        pose = replace(
            base,
            pelvis=(sway, base.pelvis[1] - stage.pick(0, 3), base.pelvis[2]),
            turn=(stage.pick(-8, 8), 0, 0, 0),
            spine=(stage.pick(-12, 12), -sway, stage.pick(-15, 15)),
            head=(stage.pick(-20, 12), sway, stage.pick(-20, 20)),
        )
        steps.append((beat, pose))
    tracks = gestures(stage.play_steps(steps), stage.rng, stage.rate, (*TALKING, "up", "point high", "up wide", "side"))
    near, elbow = HANDS["mouth"]
    shift = stage.rng.normal(0, 0.05, 3)
    holding = (True, stage.coin(0.25)) if stage.coin() else (stage.coin(0.25), True)
    if stage.coin(0.15):
        holding = (False, False)
    at = np.array(holding)
    return replace(
        tracks,
        hand=np.where(at[:, None], np.array(near) + shift, tracks.hand),
        elbow=np.where(at, elbow, tracks.elbow),
        wrist=np.where(at[:, None], np.array([10.0, 0.0, 60.0]), tracks.wrist),
    )


def standing_turning(stage: Stage) -> Tracks:
    """Upright, turning on the spot."""
    turn = stage.pick(50, 120) * (1 if stage.coin() else -1)
    gait = Gait(
        cadence=stage.pick(0.8, 1.2), width_cm=stage.pick(9, 13), sway_cm=2, bob_cm=1, twist_deg=2, arm_swing=0.08
    )
    base = replace(with_hands(stand(stage.rng), stage.rng, CALM), pelvis=(0, 92, 0))
    return _travel(stage, base, gait, stage.pick(-5, 12), 0, turn, swing_arms=0.25)


def standing_forward(stage: Stage) -> Tracks:
    """Walking, jogging or running forward, sometimes in a bend."""
    speed = stage.pick(60, 340) if stage.coin(0.35) else stage.pick(60, 160)
    bend = stage.rng.normal(0, 15)
    upright = replace(stand(stage.rng), hands=both(0.16, -0.92, 0.08))
    if speed < 190:
        cadence = 0.55 + speed / 400
        gait = Gait(
            cadence=cadence, twist_deg=stage.pick(3, 9), arm_swing=stage.pick(0.1, 0.4), width_cm=stage.pick(6, 11)
        )
        base = replace(
            upright, pelvis=(0, 91.5 - (speed / cadence / 45) ** 2 * 0.35, 0), turn=(0, stage.pick(0, 5), 0, 0)
        )
        return _travel(stage, base, gait, speed, 0, bend, swing_arms=0.4)
    gait = Gait(
        cadence=1.2 + speed / 2000,
        width_cm=5,
        lift_cm=stage.pick(14, 26),
        duty=0.4,
        bob_cm=5,
        sway_cm=1,
        twist_deg=8,
        arm_swing=stage.pick(0.3, 0.45),
        roll_deg=60,
    )
    base = replace(
        upright,
        pelvis=(0, 86, 0),
        turn=(0, stage.pick(6, 14), 0, 0),
        spine=(stage.pick(2, 8), 0, 0),
        hands=both(0.05, -0.5, 0.25),
        wrists=both(0, 0, 20),
    )
    return _travel(stage, base, gait, speed, 0, bend, swing_arms=0.8, vary=0.08)


def standing_backward(stage: Stage) -> Tracks:
    """Walking backward."""
    gait = Gait(cadence=stage.pick(0.7, 1.0), twist_deg=3, arm_swing=-stage.pick(0.05, 0.25), roll_deg=-10, width_cm=10)
    base = replace(with_hands(stand(stage.rng), stage.rng, CALM), pelvis=(0, 90.5, 0))
    return _travel(stage, base, gait, -stage.pick(40, 95), 0, 0, swing_arms=0.35)


def standing_sideways(stage: Stage) -> Tracks:
    """Side steps."""
    left = stage.pick(25, 60) * (1 if stage.coin() else -1)
    gait = Gait(
        cadence=stage.pick(0.8, 1.15), width_cm=stage.pick(15, 22), sway_cm=2, twist_deg=1, arm_swing=0.0, roll_deg=10
    )
    base = replace(with_hands(stand(stage.rng), stage.rng, CALM), pelvis=(0, 89, 0))
    return _travel(stage, base, gait, 0, left, 0, swing_arms=0.25)
