"""UnrealEgo2 (Akada et al., CVPR 2024): rendered frames of UnrealEgo's glasses."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from egotap_pl.core.camera import PolynomialCamera, StereoRig
from egotap_pl.core.categories import CATEGORIES
from egotap_pl.core.skeleton import unrealego
from egotap_pl.data.device_relative.dataset import Dataset
from egotap_pl.data.unrealego.files import PELVIS
from egotap_pl.data.unrealego.tree import JSON_FOLDER, ROOT_NAME, Motion, parse_motion


class UnrealEgo2(Dataset):
    """UnrealEgo's layout, cameras and categories. The images and the poses of a split may have roots of their own."""

    name = "unrealego2"
    title = "UnrealEgo2"
    root_prefix = "UnrealEgoData2"
    list_prefix = ROOT_NAME
    frame_px = 1024
    joints = unrealego().joints
    pelvis = PELVIS
    cameras = ("camera_left", "camera_right")
    image_folder = "fisheye_final_image"
    image_prefix = "final_"
    image_suffixes = (".png",)
    json_folder = JSON_FOLDER
    categories = CATEGORIES
    has_device_points = False
    nominal_baseline_cm = StereoRig.unrealego().translation_cm[0]

    @property
    def camera(self) -> PolynomialCamera | None:
        """UnrealEgo's camera."""
        return PolynomialCamera.unrealego()

    def motions(self, parts: Sequence[str], place: str, folders: Sequence[Path]) -> list[Motion]:
        """See `Dataset`: ``<environment>/<Day or Night>/<human>/<glasses>/<category>/<motion>``."""
        return [parse_motion("/".join((ROOT_NAME, *parts)), place)]
