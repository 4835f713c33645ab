"""What scripts of several sports share."""

from __future__ import annotations

import numpy as np

from egotap_pl.synth.motion.gait import Gait, route_from_speeds, stepping
from egotap_pl.synth.motion.keyframes import Both, KeyPose, Num
from egotap_pl.synth.motion.poses import maybe_mirrored
from egotap_pl.synth.motion.scripts.actor import Actor
from egotap_pl.synth.motion.tracks import Tracks
from egotap_pl.synth.motion.upper import glances

Steps = list[tuple[Num, KeyPose]]
"""Key poses, each with the seconds that it takes to get there."""

SHOULDER = 0.33  # distance of a shoulder from the middle of the body, arm lengths


def together(left: Num, up: Num, forward: Num, gap: Num = 0.06) -> Both:
    """Both hands at one place (a bat, a ball), given from the middle between the shoulders in arm lengths."""
    return (left + gap / 2 - SHOULDER, up, forward), (-left + gap / 2 - SHOULDER, up, forward)


def sided(actor: Actor, steps: Steps, left_handed: Num = 0.5) -> Tracks:
    """The steps played, mirrored with the given chance."""
    mirror = actor.coin(left_handed)
    return actor.play_steps([(wait, maybe_mirrored(pose, mirror)) for wait, pose in steps])


def going(actor: Actor, pose: KeyPose, forward: Num, left: Num, gait: Gait, seconds: Num) -> Tracks:
    """A pose carried along a random path at about the given speeds (cm/s)."""
    times = np.linspace(0, seconds, 4)
    route = route_from_speeds(
        times, forward * actor.rng.normal(1, 0.25, 4), left * actor.rng.normal(1, 0.25, 4), actor.rng.normal(0, 25, 4)
    )
    tracks = glances(actor.play([(0, pose)], seconds), actor.rng, actor.rate, 0.6)
    return stepping(tracks, route, gait, actor.rate, actor.pick(0, 1))
