"""Lifters that see images, one class per file."""

from egotap_pl.nn.image_lifters.base import HEATMAPS, INPUTS, ImageLifter, RefinedPose, input_names
from egotap_pl.nn.image_lifters.deformable import DeformableAttention
from egotap_pl.nn.image_lifters.egoposeformer import EgoPoseFormer
from egotap_pl.nn.image_lifters.origin import EstimatedOrigin, Origin, TrueOrigin

__all__ = [
    "HEATMAPS",
    "INPUTS",
    "DeformableAttention",
    "EgoPoseFormer",
    "EstimatedOrigin",
    "ImageLifter",
    "Origin",
    "RefinedPose",
    "TrueOrigin",
    "input_names",
]
