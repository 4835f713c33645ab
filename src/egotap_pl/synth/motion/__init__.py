"""Motions of UnrealEgo's 30 categories: three sources behind one interface."""

from egotap_pl.synth.motion.bvh import BvhMotions
from egotap_pl.synth.motion.deepmimic import DeepMimicMotions
from egotap_pl.synth.motion.mirror import mirrored
from egotap_pl.synth.motion.procedural import ProceduralMotions
from egotap_pl.synth.motion.source import FPS, MotionSource

__all__ = [
    "FPS",
    "BvhMotions",
    "DeepMimicMotions",
    "MotionSource",
    "ProceduralMotions",
    "mirrored",
]
