"""BVH files of the wild: text, names, axes."""

from egotap_pl.synth.motion.bvh.source import BvhMotions, read_bvh

__all__ = ["BvhMotions", "read_bvh"]
