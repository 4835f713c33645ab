"""Exercises (category 003)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from egotap_pl.synth.motion.keyframes import KeyPose, Num, both
from egotap_pl.synth.motion.poses import squat, stand, supine
from egotap_pl.synth.motion.scripts.actor import Actor
from egotap_pl.synth.motion.scripts.athletic import point
from egotap_pl.synth.motion.scripts.common import Steps
from egotap_pl.synth.motion.tracks import Tracks


def exercising(actor: Actor) -> Tracks:
    """One exercise, repeated a few times."""
    kinds = (
        _jacks,
        _squats,
        _push_ups,
        _sit_ups,
        _arm_circles,
        _lunges,
        _toe_touches,
        _side_bends,
        _high_knees,
        _leg_raises,
    )
    return kinds[actor.whole(0, len(kinds) - 1)](actor)


def _alternate(actor: Actor, first: KeyPose, second: KeyPose, pace: tuple[Num, Num], count: tuple[int, int]) -> Tracks:
    beat = actor.pick(*pace)
    steps: Steps = [(0.0, first)]
    for _ in range(actor.whole(*count)):
        steps += [(beat, second), (0.15 * beat, second), (beat, first), (0.1 * beat, first)]
    return actor.play_steps(steps)


def _jacks(actor: Actor) -> Tracks:
    closed = KeyPose(pelvis=(0, 93, 0), feet=both(7, 0, 0))
    wide = replace(
        closed, pelvis=(0, 87, 0), feet=both(actor.pick(26, 36), 0, 0), hands=both(actor.pick(0.05, 0.4), 0.9, 0.1)
    )
    passing = replace(closed, pelvis=(0, 94, 0), feet=both(17, 3, 0), hands=both(0.93, 0.0, 0.1), lift=4)
    beat = actor.pick(0.2, 0.28)
    steps: Steps = [(0.0, closed)]
    for _ in range(actor.whole(4, 6)):
        steps += [(beat, passing), (beat, wide), (beat, passing), (beat, closed)]
    return actor.play_steps(steps)


def _squats(actor: Actor) -> Tracks:
    low = squat(actor.rng, actor.pick(45, 62))
    low = replace(low, hands=both(actor.pick(-0.2, 0.1), actor.pick(-0.2, 0.0), 0.85), spine=(actor.pick(10, 25), 0, 0))
    high = replace(stand(actor.rng), feet=low.feet, toes=((15, 0), (15, 0)))
    low = replace(low, feet=both(low.feet[0][0], 0, 0), toes=((15, 0), (15, 0)), pelvis=(0, low.pelvis[1], -14))
    return _alternate(actor, replace(high, feet=low.feet), low, (0.6, 1.0), (2, 3))


def _push_ups(actor: Actor) -> Tracks:
    reach = 128.0
    up = KeyPose(
        pelvis=(0, 40, 79),
        turn=(0, 72, 0, 0),
        spine=(0, 0, 0),
        head=(-25, 0, 0),
        hands=both(actor.pick(18, 30), 4, reach),
        hand_planted=(1, 1),
        fingers=(5, 5),
        feet=both(9, 4, 0),
        toes=((0, 60), (0, 60)),
        elbows=(actor.pick(-10, 40),) * 2,
        knees=(0, 0),
    )
    low = replace(up, pelvis=(0, 21, 81), turn=(0, 84, 0, 0))
    return _alternate(actor, up, low, (0.5, 0.9), (2, 3))


def _sit_ups(actor: Actor) -> Tracks:
    hands = (both(0.05, 0.42, -0.02), both(-0.3, -0.15, 0.35), both(0.05, 0.1, 0.85))[actor.whole(0, 2)]
    down = KeyPose(
        pelvis=(0, 13, 0), turn=(0, -80, 0, 0), hands=hands, feet=both(12, 0, 50), elbows=(30, 30), head=(15, 0, 0)
    )
    up = replace(down, turn=(0, -15, 0, 0), spine=(45, 0, actor.pick(-25, 25)))
    return _alternate(actor, down, up, (0.7, 1.0), (2, 3))


def _arm_circles(actor: Actor) -> Tracks:
    base, size = stand(actor.rng), actor.pick(0.25, 0.9)
    steps: Steps = []
    apart = np.pi if actor.coin(0.3) else 0.0
    beat = actor.pick(0.12, 0.22)
    for i in range(actor.whole(18, 26)):
        hands = []
        for side in (0, 1):
            angle = np.pi / 4 * i + apart * side
            place = np.array(
                [1.05 - 0.7 * size, size * np.cos(angle), size * np.sin(angle) * (1 if np.sin(angle) > 0 else 0.4)]
            )
            place *= 0.93 / np.linalg.norm(place)
            hands.append(point(place))
        steps.append((beat if i else 0.0, replace(base, hands=(hands[0], hands[1]))))
    return actor.play_steps(steps)


def _lunges(actor: Actor) -> Tracks:
    hands = (both(0.06, -0.66, 0.08), both(0.9, 0.0, 0.1), both(-0.1, 0.9, 0.1), both(-0.25, -0.1, 0.4))[
        actor.whole(0, 3)
    ]
    base = KeyPose(pelvis=(0, 93, 0), hands=hands, elbows=(25, 25))
    depth = actor.pick(50, 66)
    lunge = replace(
        base,
        pelvis=(0, depth, 34),
        spine=(actor.pick(0, 10), 0, actor.pick(0, 35)),
        feet=((11, 0, 68), (11, 7, -6)),
        toes=((4, 0), (4, 45)),
    )
    beat = actor.pick(0.6, 0.9)
    steps: Steps = [(0.0, base)]
    for i in range(actor.whole(3, 4)):
        pose = lunge if i % 2 else lunge.mirrored()
        steps += [(beat, pose), (0.2, pose), (beat, base)]
    return actor.play_steps(steps)


def _toe_touches(actor: Actor) -> Tracks:
    wide = actor.pick(10, 34)
    up = KeyPose(pelvis=(0, 93 - 0.006 * wide**2, 0), feet=both(wide, 0, 0), hands=both(0.3, 0.85, 0.1))
    low = replace(up, pelvis=(0, up.pelvis[1], -16), turn=(0, 60, 0, 0), spine=(55, 0, 0), hands=both(-0.1, 0.25, 0.9))
    twisted = replace(low, spine=(50, 0, 45), hands=((0.5, 0.1, -0.4), (-0.5, 0.25, 0.85)))
    if wide < 20 or actor.coin(0.3):
        return _alternate(actor, up, low, (0.7, 1.1), (2, 3))
    return _alternate(actor, twisted, twisted.mirrored(), (0.6, 0.9), (2, 3))


def _side_bends(actor: Actor) -> Tracks:
    base = replace(stand(actor.rng), feet=both(20, 0, 0), pelvis=(0, 91, 0))
    bent = replace(base, pelvis=(-6, 91, 0), spine=(0, actor.pick(25, 40), actor.pick(-10, 10)))
    bent = replace(bent, hands=((0.06, -0.66, 0.08), (-0.05, 0.93, 0.05)), elbows=(25, 0))
    return _alternate(actor, bent, bent.mirrored(), (0.8, 1.2), (2, 2))


def _high_knees(actor: Actor) -> Tracks:
    beat = actor.pick(0.22, 0.4)
    base = KeyPose(pelvis=(0, 93, 0), feet=both(8, 0, 0))
    left = replace(
        base,
        pelvis=(-5, 94, 0),
        feet=((0.02, -actor.pick(0.35, 0.55), actor.pick(0.3, 0.42)), base.feet[1]),
        foot_planted=(0, 1),
        toes=((0, 15), (8, 0)),
        hands=((0.05, -0.62, -0.15), (0.0, -0.2, 0.5)),
        spine=(3, 0, 10),
    )
    steps: Steps = [(0.0, base)]
    for i in range(actor.whole(8, 12)):
        steps.append((beat, left if i % 2 else left.mirrored()))
    return actor.play_steps(steps)


def _leg_raises(actor: Actor) -> Tracks:
    """Lying on the back, raising and lowering the legs."""
    base = replace(supine(actor.rng), feet=both(0.02, -0.97, 0.05), hands=both(0.25, -0.9, 0.0), knees=(0, 0))
    up = replace(base, feet=both(0.02, -actor.pick(0.1, 0.5), actor.pick(0.75, 0.9)))
    return _alternate(actor, base, up, (0.8, 1.2), (2, 2))
