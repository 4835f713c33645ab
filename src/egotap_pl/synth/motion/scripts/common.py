"""What scripts of several sports share."""

from __future__ import annotations

import numpy as np

from egotap_pl.synth.motion.gait import Gait, path, stepping
from egotap_pl.synth.motion.keyframes import Both, Num, Pose
from egotap_pl.synth.motion.poses import maybe_mirrored
from egotap_pl.synth.motion.scripts.stage import Stage
from egotap_pl.synth.motion.tracks import Tracks
from egotap_pl.synth.motion.upper import glances

Steps = list[tuple[Num, Pose]]
"""Key poses, each with the seconds that it takes to get there."""

SHOULDER = 0.33  # distance of a shoulder from the middle of the body, arm lengths


def together(left: Num, up: Num, forward: Num, gap: Num = 0.06) -> Both:
    """Both hands at one place (a bat, a ball), given from the middle between the shoulders in arm lengths."""
    return (left + gap / 2 - SHOULDER, up, forward), (-left + gap / 2 - SHOULDER, up, forward)


def sided(stage: Stage, steps: Steps, left_handed: Num = 0.5) -> Tracks:
    """The steps played, mirrored with the given chance."""
    mirror = stage.coin(left_handed)
    return stage.play_steps([(wait, maybe_mirrored(pose, mirror)) for wait, pose in steps])


def going(stage: Stage, pose: Pose, forward: Num, left: Num, gait: Gait, seconds: Num) -> Tracks:
    """A pose carried along a random path at about the given speeds (cm/s)."""
    times = np.linspace(0, seconds, 4)
    route = path(
        times, forward * stage.rng.normal(1, 0.25, 4), left * stage.rng.normal(1, 0.25, 4), stage.rng.normal(0, 25, 4)
    )
    tracks = glances(stage.play([(0, pose)], seconds), stage.rng, stage.rate, 0.6)
    return stepping(tracks, route, gait, stage.rate, stage.pick(0, 1))
