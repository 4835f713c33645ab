"""Readers of calibrations: cameras and rigs from the files of other programs and from files of our own."""

from egotap_pl.data.calibration.camera_json import read_camera_json
from egotap_pl.data.calibration.ocamcalib import read_ocamcalib

__all__ = ["read_camera_json", "read_ocamcalib"]
