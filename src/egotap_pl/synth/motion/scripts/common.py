"""What the scripts of several categories share."""

from __future__ import annotations

import numpy as np

from egotap_pl.synth.motion.gait import Gait, route_from_speeds, stepping
from egotap_pl.synth.motion.keyframes import Both, KeyPose, Num
from egotap_pl.synth.motion.poses import maybe_mirrored
from egotap_pl.synth.motion.scripts.actor import Actor
from egotap_pl.synth.motion.tracks import Tracks
from egotap_pl.synth.motion.upper import glances

Steps = list[tuple[Num, KeyPose]]
"""Key poses, each with the seconds that it takes to reach it."""

SHOULDER = 0.33
"""Distance of a shoulder from the middle of the body, in arm lengths."""


def together(left: Num, up: Num, forward: Num, gap: Num = 0.06) -> Both:
    """Both hands at one place, on a bat or a ball.

    Args:
        left: place to the left of the middle between the shoulders, in arm lengths.
        up: place above it.
        forward: place in front of it.
        gap: distance between the hands.
    """
    return (left + gap / 2 - SHOULDER, up, forward), (-left + gap / 2 - SHOULDER, up, forward)


def sided(actor: Actor, steps: Steps, left_handed: Num = 0.5) -> Tracks:
    """Play steps, mirrored at random.

    Args:
        actor: the actor.
        steps: steps of a right-handed player.
        left_handed: probability of the mirror image.
    """
    mirror = actor.coin(left_handed)
    return actor.play_steps([(wait, maybe_mirrored(pose, mirror)) for wait, pose in steps])


def going(actor: Actor, pose: KeyPose, forward: Num, left: Num, gait: Gait, seconds: Num) -> Tracks:
    """Move a pose along a random route.

    Args:
        actor: the actor.
        pose: the pose.
        forward: approximate forward speed, cm/s.
        left: approximate sideways speed to the left, cm/s.
        gait: how the feet step.
        seconds: duration.
    """
    times = np.linspace(0, seconds, 4)
    route = route_from_speeds(
        times, forward * actor.rng.normal(1, 0.25, 4), left * actor.rng.normal(1, 0.25, 4), actor.rng.normal(0, 25, 4)
    )
    tracks = glances(actor.play([(0, pose)], seconds), actor.rng, actor.rate, 0.6)
    return stepping(tracks, route, gait, actor.rate, actor.pick(0, 1))
