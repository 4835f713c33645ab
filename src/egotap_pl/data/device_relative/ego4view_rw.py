"""Ego4View-RW (Akada et al., "Bring Your Rear Cameras", ICCV 2025): real frames; the front pair of its cameras."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from egotap_pl.data.device_relative.dataset import UNCATEGORISED, subject_of
from egotap_pl.data.device_relative.ego4view_syn import Ego4ViewSyn
from egotap_pl.data.unrealego.tree import Motion


class Ego4ViewRW(Ego4ViewSyn):
    """Frames of 872 x 872 px in ``<date>/<subject>/<sequence>``, of cameras that are turned against each other."""

    name = "ego4view_rw"
    title = "Ego4View-RW"
    image_suffixes = (".png", ".jpg")
    json_folder = "json_smplx"
    nominal_baseline_cm = None

    def motions(self, parts: Sequence[str], place: str, folders: Sequence[Path]) -> list[Motion]:
        """See `Dataset`."""
        return [Motion("/".join(parts), subject_of(parts), UNCATEGORISED)]
