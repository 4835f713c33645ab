"""Stereo frames to estimate poses for: images, videos and frame stores."""

from egotap_pl.data.recordings.frames import StereoBatch, StereoInput
from egotap_pl.data.recordings.inputs import open_input

__all__ = ["StereoBatch", "StereoInput", "open_input"]
