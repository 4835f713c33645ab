"""UnrealEgo-RW (Akada et al., CVPR 2024): real frames of a headset with cameras like those of UnrealEgo2."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from egotap_pl.core.categories import CATEGORIES
from egotap_pl.core.errors import EgotapError
from egotap_pl.data.device_relative.dataset import REAL_JOINTS, UNCATEGORISED, Dataset, subject_of
from egotap_pl.data.device_relative.unrealego2 import UnrealEgo2
from egotap_pl.data.unrealego.tree import ROOT_NAME, Motion, parse_motion


class UnrealEgoRW(Dataset):
    """UnrealEgo2's layout with frames of 872 x 872 px, other names of joints, and cameras that are not built in."""

    name = "unrealego_rw"
    title = "UnrealEgo-RW"
    root_prefix = "UnrealEgoData_r"  # both _rw_... and _realworld_... exist
    list_prefix = ROOT_NAME
    frame_px = 872
    joints = REAL_JOINTS
    pelvis = None
    cameras = UnrealEgo2.cameras
    image_folder = UnrealEgo2.image_folder
    image_prefix = UnrealEgo2.image_prefix
    image_suffixes = UnrealEgo2.image_suffixes
    json_folder = UnrealEgo2.json_folder
    categories = (*CATEGORIES, UNCATEGORISED)
    has_device_points = False
    nominal_baseline_cm = None

    def motions(self, parts: Sequence[str], place: str, folders: Sequence[Path]) -> list[Motion]:
        """See `Dataset`: UnrealEgo's six levels of folders, or any others, whose motions have no category."""
        try:
            return [parse_motion("/".join((ROOT_NAME, *parts)), place)]
        except EgotapError:
            return [Motion("/".join(parts), subject_of(parts), UNCATEGORISED)]
