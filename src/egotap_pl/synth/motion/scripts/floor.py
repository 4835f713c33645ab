"""Falling to the ground, lying and sitting on it (categories 002, 008 and 009)."""

from __future__ import annotations

from dataclasses import replace

from egotap_pl.synth.motion.keyframes import KeyPose, Num, both
from egotap_pl.synth.motion.poses import maybe_mirrored, prone, stand, supine, with_hands
from egotap_pl.synth.motion.scripts.actor import Actor
from egotap_pl.synth.motion.tracks import Tracks
from egotap_pl.synth.motion.upper import EVERYDAY, gestures, glances

_RESTING = (
    "hang",
    "hang wide",
    "side low",
    "side",
    "side high",
    "up wide",
    "up",
    "belly",
    "chest",
    "heart",
    "nape",
    "crown",
)


def on_side(actor: Actor) -> KeyPose:
    """Lying on the left side, head towards -Z, with the knees more or less drawn up."""
    bend = actor.pick(0.45, 0.95)
    return KeyPose(
        pelvis=(0, 15, 0),
        turn=(0, -88, 0, 85),
        spine=(actor.pick(0, 35), actor.pick(-4, 8), actor.pick(-15, 15)),
        head=(actor.pick(-5, 20), actor.pick(-10, 20), actor.pick(-10, 10)),
        hands=(
            (actor.pick(-0.1, 0.1), actor.pick(-0.2, 0.6), 0.6),
            (-0.25, actor.pick(-0.5, 0.1), actor.pick(0.35, 0.6)),
        ),
        feet=((0.0, -bend, 0.35 * (1 - bend)), (0.02, -actor.pick(0.45, 0.95), actor.pick(0.05, 0.3))),
        foot_planted=(0, 0),
        toes=((0, 25), (0, 25)),
        knees=(0, 0),
        elbows=(-50, 0),
    )


def laying(actor: Actor) -> Tracks:
    """Lying on the back, belly or side, moving arms and legs now and then, sometimes turning over."""
    kind = actor.whole(0, 4)
    if kind in (3, 4):
        mirror = actor.coin()
        pose = maybe_mirrored(on_side(actor), mirror)
        steps = [(0.0, pose), (actor.pick(1.0, 2.0), pose)]
        if kind == 4:
            steps.append((actor.pick(1.0, 1.6), with_hands(supine(actor.rng), actor.rng, _RESTING, 0.1)))
            steps.append((actor.pick(0.5, 1.2), steps[-1][1]))
        return glances(actor.play_steps(steps), actor.rng, actor.rate, 0.4)
    make = prone if kind == 2 else supine
    tracks = actor.play_steps([(0, make(actor.rng)), (actor.pick(1.4, 2.2), make(actor.rng)), (1.8, make(actor.rng))])
    pool = ("up wide", "up", "side", "side high", "hang wide", "side low", "crown") if kind == 2 else _RESTING
    tracks = gestures(tracks, actor.rng, actor.rate, pool, pause_s=(0.8, 2.0), freedom=0.0 if kind == 2 else 0.3)
    return glances(tracks, actor.rng, actor.rate, 0.6)


def sitting_on_the_ground(actor: Actor) -> Tracks:
    """Sitting cross-legged, with legs stretched out or drawn up, or on the heels; busy hands, or hands as a support."""
    # Crossed legs and sitting on the heels keep their kind: a change to another one takes more than two key poses.
    kind, other = actor.whole(0, 4), actor.whole(1, 3)
    poses = [_sitting(actor, kind), _sitting(actor, kind)]
    if kind in (1, 2, 3) and actor.coin(0.5):
        poses.append(_sitting(actor, other))
    steps = [(0.0, poses[0])]
    for pose in poses[1:]:
        steps += [(actor.pick(1.0, 2.0), pose), (actor.pick(0.2, 0.8), pose)]
    mirror = actor.coin()
    tracks = actor.play_steps([(wait, maybe_mirrored(pose, mirror)) for wait, pose in steps])
    if actor.coin(0.75):
        pool = (
            "thigh",
            "belly",
            "carry",
            "offer",
            "point",
            "chin",
            "phone",
            "book",
            "open",
            "crossed",
            "wave",
            "heart",
        )
        tracks = gestures(tracks, actor.rng, actor.rate, pool if actor.coin(0.6) else EVERYDAY)
    return glances(tracks, actor.rng, actor.rate)


def _sitting(actor: Actor, kind: int) -> KeyPose:
    lean = actor.pick(-12, 10)
    pose = KeyPose(
        pelvis=(0, 13, 0), turn=(0, lean, 0, 0), spine=(actor.pick(5, 30), actor.pick(-8, 8), actor.pick(-20, 20))
    )
    straight, out = actor.pick(0.93, 0.98), actor.pick(0.0, 0.3)
    long_leg, drawn = (out, -0.02, straight), (actor.pick(8, 18), 0, actor.pick(30, 52))
    if kind == 0:  # cross-legged
        pose = replace(pose, feet=((-0.2, -0.03, 0.3), (-0.08, -0.03, 0.42)), foot_planted=(0, 0), knees=(62, 62))
        pose = replace(pose, toes=((0, 40), (0, 40)))
    elif kind == 1:  # legs stretched out
        pose = replace(pose, feet=(long_leg, long_leg), foot_planted=(0, 0), toes=((0, 15), (0, 15)), knees=(10, 10))
    elif kind == 2:  # knees up, arms around them
        pose = replace(pose, feet=(drawn, drawn), hands=both(-0.22, -0.4, actor.pick(0.6, 0.75)), elbows=(25, 25))
    elif kind == 3:  # one leg stretched out
        pose = replace(pose, feet=(drawn, long_leg), foot_planted=(1, 0), toes=((5, 0), (0, 15)))
    else:  # on the heels
        pose = replace(
            pose,
            pelvis=(0, 25, 0),
            turn=(0, actor.pick(0, 10), 0, 0),
            feet=both(0.03, -0.2, -0.03),
            foot_planted=(0, 0),
            toes=((0, 60), (0, 60)),
            knees=(12, 12),
        )
    if kind in (1, 2, 3) and actor.coin(0.35):  # hands behind as a support
        pose = replace(pose, turn=(0, -actor.pick(15, 28), 0, 0), hands=both(24, 4, -34), hand_planted=(1, 1))
        return replace(pose, fingers=(130, 130))
    return with_hands(pose, actor.rng, ("thigh", "belly", "carry", "belt"), 0.1) if kind != 2 else pose


def falling_down(actor: Actor) -> Tracks:
    """Falling forward, backward or sideways from a standing pose, and staying on the ground for a moment."""
    base = with_hands(stand(actor.rng), actor.rng)
    make = (_fall_forward, _fall_backward, _fall_sideways)[actor.whole(0, 2)]
    wait = actor.pick(0.2, 0.8)
    mirror = actor.coin()
    steps = [(0.0, base), (wait, base), *make(actor, base)]
    steps.append((actor.pick(0.6, 1.4), steps[-1][1]))
    return actor.play_steps([(seconds, maybe_mirrored(pose, mirror)) for seconds, pose in steps])


def _fall_forward(actor: Actor, base: KeyPose) -> list[tuple[Num, KeyPose]]:
    stumble = replace(
        base,
        pelvis=(0, 78, 22),
        turn=(0, actor.pick(20, 40), 0, 0),
        spine=(15, 0, actor.pick(-15, 15)),
        hands=((0.25, actor.pick(-0.2, 0.4), 0.8), (0.25, actor.pick(-0.2, 0.4), 0.8)),
        toes=((8, 25), (8, 25)),
        feet=((11, 4, 0), (11, 4, 0)),
    )
    knees = replace(
        stumble,
        pelvis=(0, 50, 44),
        turn=(0, 48, 0, 0),
        feet=both(11, 0, 0),
        toes=((5, 70), (5, 70)),
        hands=both(22, 5, 118),
        hand_planted=(1, 1),
    )
    lying = replace(
        prone(actor.rng),
        pelvis=(0, 11, 84),
        hands=((actor.pick(20, 45), 4, actor.pick(110, 160)), (actor.pick(20, 45), 4, actor.pick(110, 160))),
        hand_planted=(1, 1),
    )
    return [(actor.pick(0.3, 0.5), stumble), (actor.pick(0.3, 0.45), knees), (actor.pick(0.35, 0.6), lying)]


def _fall_backward(actor: Actor, base: KeyPose) -> list[tuple[Num, KeyPose]]:
    flail = ((actor.pick(0.3, 0.7), actor.pick(-0.2, 0.6), 0.5), (actor.pick(0.3, 0.7), actor.pick(-0.2, 0.6), 0.5))
    tip = replace(base, pelvis=(0, 70, -22), turn=(0, -8, 0, 0), spine=(25, 0, actor.pick(-20, 20)), hands=flail)
    sit = replace(
        tip,
        pelvis=(0, 13, -48),
        turn=(0, -25, 0, 0),
        hands=both(30, 4, -80),
        hand_planted=(1, 1),
        fingers=(140, 140),
    )
    lying = replace(with_hands(supine(actor.rng), actor.rng, _RESTING, 0.1), pelvis=(0, 12, -55))
    return [(actor.pick(0.3, 0.5), tip), (actor.pick(0.3, 0.45), sit), (actor.pick(0.4, 0.7), lying)]


def _fall_sideways(actor: Actor, base: KeyPose) -> list[tuple[Num, KeyPose]]:
    flail = ((0.6, actor.pick(-0.6, 0.2), 0.3), (0.7, actor.pick(-0.2, 0.5), 0.2))
    tip = replace(base, pelvis=(24, 66, 0), turn=(0, 10, 20, 0), spine=(10, 15, 0), hands=flail)
    hip = replace(
        tip,
        pelvis=(46, 17, -4),
        turn=(0, 5, 45, 0),
        spine=(15, -12, 15),
        hands=((82, 4, 18), (0.2, -0.4, 0.6)),
        hand_planted=(1, 0),
        feet=((0.0, -0.75, 0.25), (0.02, -0.65, 0.2)),
        foot_planted=(0, 0),
        toes=((0, 20), (0, 20)),
    )
    lying = replace(
        hip,
        pelvis=(50, 15, -4),
        turn=(0, 0, 86, 0),
        spine=(actor.pick(5, 30), 0, 0),
        hands=((0.0, actor.pick(0.1, 0.7), 0.55), (-0.2, actor.pick(-0.5, 0.0), 0.5)),
        hand_planted=(0, 0),
    )
    return [(actor.pick(0.35, 0.5), tip), (actor.pick(0.3, 0.45), hip), (actor.pick(0.3, 0.6), lying)]
