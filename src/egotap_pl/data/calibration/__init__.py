"""Readers of calibrations: cameras and rigs from the files of other programs, and rig files of our own."""

from egotap_pl.data.calibration.camera_file import read_camera
from egotap_pl.data.calibration.camera_json import read_camera_json
from egotap_pl.data.calibration.kalibr import read_kalibr
from egotap_pl.data.calibration.ocamcalib import read_ocamcalib
from egotap_pl.data.calibration.opencv import read_opencv
from egotap_pl.data.calibration.rig_file import load_rig, save_rig

__all__ = [
    "load_rig",
    "read_camera",
    "read_camera_json",
    "read_kalibr",
    "read_ocamcalib",
    "read_opencv",
    "save_rig",
]
