"""Fisheye cameras, and the stereo rig that two of them form."""

from egotap_pl.core.camera.polynomial import FisheyeCamera
from egotap_pl.core.camera.rig import StereoRig

__all__ = ["FisheyeCamera", "StereoRig"]
