"""LightningModules that wire networks, targets, losses and metrics together, with their callbacks and schedules."""

from egotap_pl.tasks.baselines import Ego3DPoseTask, UnrealEgoTask
from egotap_pl.tasks.egoglass import EgoGlassTask
from egotap_pl.tasks.estimation import HeatmapTask
from egotap_pl.tasks.lifting import LiftingTask
from egotap_pl.tasks.reconstruction import ReconstructionTask, ZerosTask
from egotap_pl.tasks.refining import RefiningTask

__all__ = [
    "Ego3DPoseTask",
    "EgoGlassTask",
    "HeatmapTask",
    "LiftingTask",
    "ReconstructionTask",
    "RefiningTask",
    "UnrealEgoTask",
    "ZerosTask",
]
