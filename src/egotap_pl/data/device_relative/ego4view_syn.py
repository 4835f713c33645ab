"""Ego4View-Syn (Akada et al., "Bring Your Rear Cameras", ICCV 2025): rendered frames; the front pair of its cameras."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from egotap_pl.data.device_relative.dataset import REAL_JOINTS, UNCATEGORISED, Dataset
from egotap_pl.data.unrealego.tree import Motion


class Ego4ViewSyn(Dataset):
    """Frames of 872 x 872 px in ``<character>/<sequence>``. Lists name characters, or single sequences."""

    name = "ego4view_syn"
    title = "Ego4View-Syn"
    root_prefix = "Ego4View"
    list_prefix = "Ego4View"
    frame_px = 872
    joints = REAL_JOINTS
    pelvis = None
    cameras = ("camera_front_left", "camera_front_right")
    image_folder = "fisheye_rgb"
    image_prefix = ""
    image_suffixes = (".jpg", ".png")
    json_folder = "json_smplx_gendered"
    categories = (UNCATEGORISED,)
    has_device_points = True
    nominal_baseline_cm: ClassVar[float | None] = -12.0

    def motions(self, parts: Sequence[str], place: str, folders: Sequence[Path]) -> list[Motion]:
        """See `Dataset`. A character stands for its sequences on disk; if it has none, for itself."""
        subject = parts[0]
        names = ["/".join(parts)] if len(parts) > 1 else self._sequences(subject, folders)
        return [Motion(name, subject, UNCATEGORISED) for name in names or [subject]]

    def _sequences(self, character: str, folders: Sequence[Path]) -> list[str]:
        wanted = (self.image_folder, self.json_folder)
        places = [folder / character for folder in folders if (folder / character).is_dir()]
        names = {
            path.name for place in places for path in place.iterdir() if any((path / name).is_dir() for name in wanted)
        }
        return [f"{character}/{name}" for name in sorted(names, key=_natural)]


def _natural(name: str) -> list[tuple[int, str]]:
    """A key that sorts ``seq_2`` before ``seq_10``."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name)]
