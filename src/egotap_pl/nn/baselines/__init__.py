"""The published methods that EgoTAP is compared with (Table 1), one per file."""

from egotap_pl.nn.baselines.ego3dpose import Ego3DPoseLifter, Ego3DPoseOutput
from egotap_pl.nn.baselines.egoglass import EgoGlassEstimator, EgoGlassOutput
from egotap_pl.nn.baselines.unrealego import UnrealEgoLifter, UnrealEgoOutput

__all__ = [
    "Ego3DPoseLifter",
    "Ego3DPoseOutput",
    "EgoGlassEstimator",
    "EgoGlassOutput",
    "UnrealEgoLifter",
    "UnrealEgoOutput",
]
