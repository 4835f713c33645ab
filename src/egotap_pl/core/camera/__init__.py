"""Fisheye cameras of several models, and the stereo rig that two of them form.

A camera's axes are X right, Y down, Z forward, in cm; its pixels are (u right, v down).
"""

from egotap_pl.core.camera.kannala_brandt import KannalaBrandtCamera
from egotap_pl.core.camera.models import camera_from_dict
from egotap_pl.core.camera.polynomial import PolynomialCamera
from egotap_pl.core.camera.protocol import Camera
from egotap_pl.core.camera.radial import RadialCamera
from egotap_pl.core.camera.rig import StereoRig
from egotap_pl.core.camera.square import Square, circle_square, cut_rig, square_rig
from egotap_pl.core.camera.triangulation import Triangulated, rays_in_left_frame, triangulate

FisheyeCamera = PolynomialCamera
"""Name of the polynomial model in 0.1.0, when it was the only one."""

__all__ = [
    "Camera",
    "FisheyeCamera",
    "KannalaBrandtCamera",
    "PolynomialCamera",
    "RadialCamera",
    "Square",
    "StereoRig",
    "Triangulated",
    "camera_from_dict",
    "circle_square",
    "cut_rig",
    "rays_in_left_frame",
    "square_rig",
    "triangulate",
]
