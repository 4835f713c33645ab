"""Baseball and golf (categories 027 and 030)."""

from __future__ import annotations

from dataclasses import replace

from egotap_pl.synth.motion.keyframes import KeyPose, both
from egotap_pl.synth.motion.poses import squat, with_hands
from egotap_pl.synth.motion.scripts.actor import Actor
from egotap_pl.synth.motion.scripts.common import Steps, sided, together
from egotap_pl.synth.motion.tracks import Tracks


def baseball(actor: Actor) -> Tracks:
    """Batting, pitching, fielding."""
    return (_batting, _pitching, _fielding)[actor.whole(0, 2)](actor)


def _batting(actor: Actor) -> Tracks:
    height = actor.pick(82, 89)
    ready = KeyPose(
        pelvis=(-2, height, 0),
        turn=(0, 12, 0, 0),
        spine=(actor.pick(8, 20), 0, -20),
        head=(5, 0, 55),
        hands=together(-0.42, actor.pick(-0.05, 0.2), 0.3, 0.1),
        elbows=(10, 30),
        feet=both(24, 0, 0),
        toes=((12, 0), (8, 0)),
        knees=(4, 4),
    )
    loaded = replace(ready, spine=(10, -4, -38), hands=together(-0.5, 0.12, 0.15, 0.1), pelvis=(-6, height, 0))
    loaded = replace(loaded, feet=((30, 4, 2), (24, 0, 0)))
    hit = replace(
        loaded,
        pelvis=(6, height - 2, 2),
        turn=(38, 8, 0, 0),
        spine=(10, 0, 25),
        head=(25, 0, 5),
        hands=together(0.05, -0.45, 0.72, 0.1),
        feet=((34, 0, 2), (24, 4, 0)),
        toes=((35, 0), (-35, 30)),
        elbows=(0, 0),
    )
    follow = replace(hit, turn=(60, 4, 0, 0), spine=(0, 0, 50), hands=together(0.5, 0.2, 0.25, 0.1), head=(5, 0, -20))
    steps: Steps = [(0.0, ready), (actor.pick(0.3, 0.9), ready)]
    for _ in range(actor.whole(1, 2)):
        steps += [(0.4, loaded), (0.28, hit), (0.22, follow), (actor.pick(0.3, 0.6), follow), (0.7, ready)]
    return sided(actor, steps, 0.3)


def _pitching(actor: Actor) -> Tracks:
    stance = KeyPose(
        pelvis=(0, 93, 0),
        turn=(-70, 0, 0, 0),
        head=(5, 0, 55),
        hands=together(0, actor.pick(-0.35, -0.05), 0.38, 0.1),
        feet=((10, 0, 8), (10, 0, -10)),
        toes=((-60, 0), (70, 0)),
    )
    lifted = replace(
        stance,
        pelvis=(0, 93, -10),
        turn=(-85, -5, 0, 0),
        spine=(5, 0, -10),
        feet=((0.05, -actor.pick(0.25, 0.5), 0.4), stance.feet[1]),
        foot_planted=(0, 1),
        toes=((0, 25), (70, 0)),
    )
    stride = actor.pick(55, 80)
    striding = replace(
        stance,
        pelvis=(0, 80, stride * 0.4),
        turn=(-55, 5, 0, 0),
        spine=(0, 5, -20),
        hands=((0.75, 0.05, 0.35), (0.7, actor.pick(-0.3, 0.2), -0.25)),
        feet=((12, 0, stride), (10, 0, -10)),
        toes=((0, 0), (60, 0)),
    )
    over = replace(
        striding, turn=(0, 12, 0, 0), spine=(10, 12, 10), head=(0, 0, 0), hands=((0.2, -0.35, 0.35), (0.4, 0.65, 0.25))
    )
    release = replace(
        over,
        pelvis=(0, 76, stride * 0.6),
        turn=(15, 25, 0, 0),
        spine=(35, 0, 35),
        head=(-25, 0, -10),
        hands=((0.15, -0.6, 0.0), (-0.35, -0.1, 0.85)),
        feet=((12, 0, stride), (12, 10, 10)),
        toes=((0, 0), (20, 50)),
    )
    follow = replace(
        release, hands=((0.2, -0.7, -0.1), (-0.5, -0.6, 0.45)), spine=(50, 0, 45), feet=((12, 0, stride), (18, 0, 50))
    )
    follow = replace(follow, toes=((0, 0), (5, 0)), pelvis=(0, 76, stride * 0.75))
    steps: Steps = [
        (0.0, stance),
        (actor.pick(0.3, 0.8), stance),
        (0.7, lifted),
        (0.4, striding),
        (0.2, over),
        (0.14, release),
    ]
    return sided(actor, [*steps, (0.3, follow), (actor.pick(0.3, 0.7), follow)], 0.3)


def _fielding(actor: Actor) -> Tracks:
    ready = replace(
        squat(actor.rng, actor.pick(58, 75)), hands=both(0.05, -0.6, 0.65), feet=both(24, 0, 0), toes=((15, 0), (15, 0))
    )
    ready = replace(ready, head=(-20, 0, 0))
    left, up = actor.pick(-0.3, 0.7), actor.pick(-0.8, 0.9)
    catch = replace(
        ready, hands=((left, up, 0.55), (-0.2, min(up, 0.2), 0.6)), pelvis=(10 * left, 62 + 26 * max(up, 0), 0)
    )
    catch = replace(catch, spine=(20 - 20 * up, 20 * left, 15 * left), head=(-25 * up, 0, 20 * left))
    grip = replace(ready, pelvis=(0, 86, 0), hands=together(0, -0.25, 0.4, 0.1), spine=(10, 0, -10), turn=(0, 5, 0, 0))
    cocked = replace(
        grip, spine=(-5, 0, -45), hands=((0.2, 0.0, 0.85), (0.45, 0.35, -0.15)), head=(0, 0, 40), elbows=(0, 20)
    )
    thrown = replace(
        grip, spine=(25, 0, 45), hands=((0.2, -0.6, 0.0), (-0.3, -0.1, 0.85)), feet=((20, 0, 25), (20, 0, 0))
    )
    steps: Steps = [(0.0, ready), (actor.pick(0.4, 0.9), ready), (0.4, catch), (0.25, catch), (0.4, grip)]
    if actor.coin(0.7):
        steps += [(0.35, cocked), (0.25, thrown), (0.3, thrown)]
    return sided(actor, [*steps, (0.6, ready)], 0.3)


def golf(actor: Actor) -> Tracks:
    """Full swings, chips and putts; sometimes a look after the ball."""
    power = (0.15, 0.45, 1.0, 1.0)[actor.whole(0, 3)] * actor.pick(0.85, 1.1)
    width = 12 + 9 * power
    address = KeyPose(
        pelvis=(0, 91 - 3 * power, -8),
        turn=(0, actor.pick(20, 28), 0, 0),
        spine=(actor.pick(10, 20), 0, 0),
        head=(actor.pick(8, 20), 0, 0),
        hands=together(0, -0.8, actor.pick(0.38, 0.5), 0.1),
        elbows=(-10, -10),
        feet=both(width, 0, 0),
        toes=((15, 0), (6, 0)),
    )
    top = replace(
        address,
        turn=(-32 * power, 22, 0, 0),
        spine=(18, 0, -55 * power),
        head=(20, 0, 45 * power),
        hands=together(-0.42 * power, -0.8 + 1.15 * power, 0.45 - 0.12 * power, 0.1),
        pelvis=(-3 * power, 91 - 3 * power, -8),
    )
    impact = replace(
        address, pelvis=(5 * power, 91 - 3 * power, -6), turn=(25 * power, 22, 0, 0), spine=(22, -5 * power, 0)
    )
    follow = replace(
        impact,
        pelvis=(9 * power, 92, -2),
        turn=(62 * power, 22 - 20 * power, 0, 0),
        spine=(20 - 22 * power, 0, 45 * power),
        head=(10, 0, -5),
        hands=together(0.42 * power, -0.8 + 1.2 * power, 0.45 - 0.15 * power, 0.1),
        feet=((width, 0, 0), (width, 9 * power, 2)),
        toes=((25, 0), (6 - 45 * power, 55 * power)),
    )
    waggle = replace(address, hands=together(-0.12, -0.76, 0.42, 0.1), spine=(22, 0, -5))
    steps: Steps = [(0.0, address), (0.5, waggle), (0.4, address), (actor.pick(0.2, 0.6), address)]
    steps += [(actor.pick(0.6, 0.9), top), (0.15, top), (0.28, impact), (0.25, follow), (actor.pick(0.5, 1.0), follow)]
    if actor.coin(0.6):
        watch = replace(address, turn=(20, 2, 0, 0), spine=(0, 0, 20), head=(-5, 0, 40), pelvis=(0, 92, 0))
        pool = ("brow", "hip", "carry", "belt", "hang")
        steps += [(0.7, with_hands(watch, actor.rng, pool, 0.05)), (0.5, watch)]
    return sided(actor, steps, 0.3)
