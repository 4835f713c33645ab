"""LightningModules that wire networks, targets, losses and metrics together, and what runs beside them."""

from egotap_pl.tasks.estimation import HeatmapTask
from egotap_pl.tasks.lifting import LiftingTask

__all__ = ["HeatmapTask", "LiftingTask"]
