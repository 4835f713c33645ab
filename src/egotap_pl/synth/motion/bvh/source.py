"""Motions from a folder of BVH files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from egotap_pl.core.categories import CATEGORIES
from egotap_pl.core.errors import EgotapError
from egotap_pl.core.limits import BVH_BYTES
from egotap_pl.core.messages import say
from egotap_pl.synth.motion.bvh.names import check_table, match_joints
from egotap_pl.synth.motion.bvh.places import rest_places
from egotap_pl.synth.motion.bvh.points import body_points
from egotap_pl.synth.motion.bvh.text import read_seconds, read_text
from egotap_pl.synth.motion.bvh.upright import AXES, t_pose_frames, up_axis
from egotap_pl.synth.motion.captures import CapturedMotions, check_categories, say_unused

_skipped: list[Path] = []


class BvhMotions(CapturedMotions):
    """The BVH files of a folder and its subfolders.

    The category of a file is that of the longest matching prefix in ``categories``; without a match, the name of the
    file's folder if that is a category; otherwise ``default_category``.

    Args:
        folder: folder of the files.
        categories: category of all files whose path relative to ``folder``, with forward slashes, begins with the key,
            e.g. ``locomotion/run``.
        default_category: category of all other files.
        up: axis of the files that points up: ``y``, ``z``, or ``auto`` to find out for each file.
        joints: names in the files of joints whose names are not understood, or wrongly, e.g. ``{upperarm_l: MyArm}``.
            The keys are those of `retarget.REQUIRED` and `retarget.OPTIONAL`.
        skip_t_pose: leave out a T-pose at the beginning of a file, if the motion jumps away from it.

    Raises:
        EgotapError: if there are no BVH files, two differ in the case of their endings alone, or a setting is unknown.
    """

    format, version, max_bytes = "bvh", 2, BVH_BYTES

    def __init__(
        self,
        folder: Path | str,
        categories: Mapping[str, str] | None = None,
        default_category: str = "standing - whole body",
        up: str = "auto",
        joints: Mapping[str, str] | None = None,
        skip_t_pose: bool = True,
    ) -> None:
        self.folder = Path(folder)
        self.up, self.joints, self.skip_t_pose = up, dict(joints or {}), skip_t_pose
        check_table(self.joints)
        if up not in ("auto", *AXES):
            raise EgotapError(f"up: {up!r} is unknown: must be one of: auto, {', '.join(AXES)}")
        by_prefix = dict(categories or {})
        check_categories({**by_prefix, "all other files": default_category})
        files = sorted(p for p in self.folder.rglob("*") if p.suffix.lower() == ".bvh" and p.is_file())
        if not files:
            raise EgotapError(f"{self.folder}: there are no .bvh files in this folder")
        names = {path: path.relative_to(self.folder).as_posix() for path in files}
        unused = [prefix for prefix in by_prefix if not any(name.startswith(prefix) for name in names.values())]
        say_unused(unused, f"{self.folder}: categories: no file's path in this folder begins with")
        paths: dict[str, Path] = {}
        for path, name in names.items():
            if (other := paths.setdefault(_motion(path, name), path)) != path:
                raise EgotapError(f"{other} and {path} are motions of the same name: rename or remove one of them")
        super().__init__(
            paths,
            {_motion(path, name): _category(name, path, by_prefix, default_category) for path, name in names.items()},
        )

    def identity(self) -> dict[str, Any]:
        """Version of the reader, a digest of the files, and the settings of reading.

        Raises:
            EgotapError: if a file cannot be read.
        """
        return {**super().identity(), "up": self.up, "joints": self.joints, "skip_t_pose": self.skip_t_pose}

    def seconds(self, path: Path) -> float:
        """How long a file lasts, without reading its frames. A T-pose at its beginning is part of it."""
        return read_seconds(path)

    def read(self, path: Path) -> tuple[Float[np.ndarray, "f"], dict[str, Float[Tensor, "f 3"]]]:
        """Times and positions of joints, as `read_bvh` returns them.

        Raises:
            EgotapError: if the file cannot be read, is damaged, or lacks a joint.
        """
        return read_bvh(path, self.up, self.joints, self.skip_t_pose)


def _motion(path: Path, name: str) -> str:
    return f"bvh/{name.removesuffix(path.suffix)}"


def _category(name: str, path: Path, by_prefix: Mapping[str, str], default: str) -> str:
    prefixes = [prefix for prefix in by_prefix if name.startswith(prefix)]
    if prefixes:
        return by_prefix[max(prefixes, key=len)]
    return path.parent.name if path.parent.name in CATEGORIES else default


def read_bvh(
    path: Path, up: str = "auto", joints: Mapping[str, str] | None = None, skip_t_pose: bool = True
) -> tuple[Float[np.ndarray, "f"], dict[str, Float[Tensor, "f 3"]]]:
    """Times (s) and positions of joints (Y up, in the file's unit).

    The names of the joints are those of `retarget.REQUIRED` and `retarget.OPTIONAL`.

    Args:
        path: the file.
        up: axis of the file that points up: ``y``, ``z`` or ``auto``.
        joints: names in the file of some of our joints.
        skip_t_pose: leave out a T-pose at the beginning, if the motion jumps away from it.

    Raises:
        EgotapError: if the file cannot be read, is damaged, or lacks a joint, or its up axis cannot be told.
    """
    bvh = read_text(path)
    required, optional = match_joints(bvh.joints, joints or {}, str(path))
    points, head = body_points(bvh, required, optional, str(path))
    if skip_t_pose and (start := t_pose_frames(points)):
        points, head = {joint: place[start:] for joint, place in points.items()}, head[start:]
        _say_once(path, start)
    if up == "auto":
        rest = rest_places(bvh)
        up = up_axis(points, {joint: rest[index][None] for joint, index in required.items()}, str(path))
    points.setdefault("face", _face(points, head))
    points = {joint: (_from_z_up(place) if up == "z" else place).float() for joint, place in points.items()}
    return np.arange(len(points["head"])) * bvh.frame_seconds, points


def _say_once(path: Path, frames: int) -> None:
    """Say what is skipped, for the first file of a process only: folders have thousands."""
    if not _skipped:
        _skipped.append(path)
        say(
            f"{path}: begins with a T-pose, which is skipped (frames: {frames}), as in other files that do so; "
            "skip_t_pose: false keeps it"
        )


def _from_z_up(place: Float[Tensor, "f 3"]) -> Float[Tensor, "f 3"]:
    return torch.stack((place[:, 0], place[:, 2], -place[:, 1]), -1)


def _face(points: Mapping[str, Tensor], head: Float[Tensor, "f 3 3"]) -> Float[Tensor, "f 3"]:
    """A point in front of the head. Files do not say which way it faces: on average, as the chest does."""
    left = points["upperarm_l"] - points["upperarm_r"]
    hip = (points["thigh_l"] + points["thigh_r"]) / 2
    ahead = torch.nn.functional.normalize(torch.linalg.cross(left, points["neck"] - hip), dim=-1)
    local = torch.einsum("fji,fj->i", head, ahead)
    reach = (points["head"] - points["neck"]).norm(dim=-1).mean()
    return points["head"] + reach * head @ torch.nn.functional.normalize(local, dim=0)
