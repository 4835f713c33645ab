"""Motions from a folder of BVH files, which the library `bvhio` reads."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import roma
import torch
from jaxtyping import Float
from torch import Tensor

from egotap_pl.core.categories import CATEGORIES
from egotap_pl.core.errors import EgotapError
from egotap_pl.core.limits import BVH_BYTES
from egotap_pl.synth.motion.captures import CapturedMotions, check_categories, check_file
from egotap_pl.synth.motion.retarget import REQUIRED

# Names of our joints in other skeletons, in lower case and without prefixes such as "mixamorig:"; the first match wins.
# {S} is left or right, {s} is l or r. They cover CMU, Mixamo, LAFAN1, Daz and Unreal.
_NAMES: dict[str, tuple[str, ...]] = {
    "neck": ("neck", "neck1", "neck01"),
    "head": ("head", "head1"),
    "chest": ("spine1", "spine01", "spine2", "chest", "chest2", "spine", "abdomen"),
    "upperarm": (
        "{S}arm",
        "{S}uparm",
        "{S}upperarm",
        "{s}upperarm",
        "upperarm{s}",
        "{s}shldr",
        "{s}arm",
        "{S}shoulder",
    ),
    "lowerarm": (
        "{S}forearm",
        "{S}lowarm",
        "{S}lowerarm",
        "{S}elbow",
        "{s}lowerarm",
        "lowerarm{s}",
        "{s}forearm",
        "{s}elbow",
    ),
    "hand": ("{S}hand", "{S}wrist", "{s}hand", "hand{s}", "{s}wrist"),
    "thigh": ("{S}upleg", "{S}upperleg", "{S}thigh", "{S}hip", "{s}thigh", "thigh{s}", "{s}hip"),
    "calf": ("{S}leg", "{S}lowleg", "{S}lowerleg", "{S}knee", "{S}shin", "{s}shin", "calf{s}", "{s}knee"),
    "foot": ("{S}foot", "{S}ankle", "{s}foot", "foot{s}", "{s}ankle"),
    "ball": ("{S}toebase", "{S}toe", "{S}ball", "{s}toe", "ball{s}"),
    "finger": ("{S}handmiddle1", "{S}handindex1", "{S}fingerbase", "{s}mid1", "middle01{s}"),
}


class BvhMotions(CapturedMotions):
    """The BVH files of a folder and its subfolders.

    The category of a file is that of the longest matching prefix in ``categories``; without a match, the name of the
    file's folder if that is a category; otherwise ``default_category``.

    Args:
        folder: folder of the files.
        categories: category of all files whose path relative to ``folder``, with forward slashes, begins with the key,
            e.g. ``locomotion/run``.
        default_category: category of all other files.

    Raises:
        EgotapError: if `bvhio` is not installed, there are no BVH files, or a category is unknown.
    """

    format, version, max_bytes = "bvh", 1, BVH_BYTES

    def __init__(
        self,
        folder: Path | str,
        categories: Mapping[str, str] | None = None,
        default_category: str = "standing - whole body",
    ) -> None:
        if importlib.util.find_spec("bvhio") is None:
            raise EgotapError("BvhMotions needs the library bvhio; install the extra: pip install 'egotap-pl[mocap]'")
        self.folder = Path(folder)
        by_prefix = dict(categories or {})
        check_categories({**by_prefix, "all other files": default_category})
        files = sorted(p for p in self.folder.rglob("*") if p.suffix.lower() == ".bvh" and p.is_file())
        if not files:
            raise EgotapError(f"{self.folder}: there are no .bvh files in this folder")
        paths = {path.relative_to(self.folder).with_suffix("").as_posix(): path for path in files}
        super().__init__(
            {f"bvh/{name}": path for name, path in paths.items()},
            {f"bvh/{name}": _category(name, path, by_prefix, default_category) for name, path in paths.items()},
        )

    def read(self, path: Path) -> tuple[Float[np.ndarray, "f"], dict[str, Float[Tensor, "f 3"]]]:
        """Times and positions of joints, as `read_bvh` returns them.

        Raises:
            EgotapError: if the file cannot be read, is damaged, or lacks a joint.
        """
        return read_bvh(path)


def _category(name: str, path: Path, by_prefix: Mapping[str, str], default: str) -> str:
    prefixes = [prefix for prefix in by_prefix if name.startswith(prefix)]
    if prefixes:
        return by_prefix[max(prefixes, key=len)]
    return path.parent.name if path.parent.name in CATEGORIES else default


def read_bvh(path: Path) -> tuple[Float[np.ndarray, "f"], dict[str, Float[Tensor, "f 3"]]]:
    """Times (s) and positions of joints (Y up, in the file's unit).

    The names of the joints are those of `retarget.REQUIRED` and `retarget.OPTIONAL`.

    Raises:
        EgotapError: if the file cannot be read, is damaged, or lacks a joint.
    """
    _check(path)
    import bvhio

    try:
        container = bvhio.readAsBvh(str(path))
        at, world, tips = _placed(container.Root)
    except Exception as error:  # the library has no error of its own: a damaged file raises any
        reason = error.args[0] if error.args else type(error).__name__
        raise EgotapError(f"{path}: cannot be read as a BVH file ({reason})") from error
    if not all(torch.isfinite(p).all() for p in at.values()):
        raise EgotapError(f"{path}: contains numbers that are not finite")
    times = np.arange(container.FrameCount) * float(container.FrameTime)
    return times, _named(path, at, world, tips)


def _check(path: Path) -> None:
    """Refuse damaged files, because the library does not: it waits forever for the missing lines of a cut-off file."""
    check_file(path, BVH_BYTES)
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise EgotapError(f"{path}: cannot be read ({error.strerror})") from error
    hierarchy, motion, frames = text.partition("MOTION")
    head = re.match(r"\s*Frames:\s*(\d+)\s+Frame Time:\s*(\S+)[ \t]*\r?\n", frames)
    if not hierarchy.lstrip().startswith("HIERARCHY") or not motion or head is None:
        raise EgotapError(f"{path}: not a BVH file: expected HIERARCHY, MOTION, Frames: and Frame Time:")
    if hierarchy.count("{") != hierarchy.count("}") or "{" not in hierarchy:
        raise EgotapError(f"{path}: the braces of HIERARCHY do not match")
    channels = sum(int(n) for n in re.findall(r"CHANNELS\s+(\d+)", hierarchy))
    rows = [line for line in frames[head.end() :].splitlines() if line.strip()]
    count = int(head[1])
    if count < 2 or len(rows) < count:
        raise EgotapError(f"{path}: expected {max(count, 2)} lines of motion, found {len(rows)}; is the file cut off?")
    try:
        frame_time = float(head[2])
    except ValueError:
        frame_time = 0.0
    if not 1e-4 < frame_time < 10:
        raise EgotapError(f"{path}: Frame Time: {head[2]!r} is not a duration in seconds")
    for number, row in enumerate(rows[:count]):
        if len(row.split()) != channels:
            raise EgotapError(
                f"{path}: frame {number} has {len(row.split())} numbers, but the skeleton has {channels} channels"
            )


def _placed(root: Any) -> tuple[dict[str, Tensor], dict[str, Tensor], dict[str, Tensor]]:
    """Position and orientation of every joint in the world, and positions of the tips of joints without children."""
    at: dict[str, Tensor] = {}
    world: dict[str, Tensor] = {}
    tips: dict[str, Tensor] = {}

    def visit(joint: Any, above: str | None) -> None:
        offset = torch.tensor([[k.Position.x, k.Position.y, k.Position.z] for k in joint.Keyframes])
        quaternion = torch.tensor([[k.Rotation.x, k.Rotation.y, k.Rotation.z, k.Rotation.w] for k in joint.Keyframes])
        turn = roma.unitquat_to_rotmat(torch.nn.functional.normalize(quaternion, dim=-1))
        name = joint.Name
        if above is None:
            at[name], world[name] = offset, turn
        else:
            at[name] = at[above] + (world[above] @ offset[..., None])[..., 0]
            world[name] = world[above] @ turn
        if not joint.Children:
            tips[name] = at[name] + world[name] @ torch.tensor([joint.EndSite.x, joint.EndSite.y, joint.EndSite.z])
        for child in joint.Children:
            visit(child, name)

    visit(root, None)
    return at, world, tips


def _named(
    path: Path, at: Mapping[str, Tensor], world: Mapping[str, Tensor], tips: Mapping[str, Tensor]
) -> dict[str, Float[Tensor, "f 3"]]:
    by_plain_name: dict[str, str] = {}
    for name in at:
        by_plain_name.setdefault(_plain(name), name)
    name_of: dict[str, str] = {}
    for joint, names in _NAMES.items():
        for word, letter in (("left", "l"), ("right", "r")):
            candidates = (name.format(S=word, s=letter) for name in names)
            match = next((by_plain_name[name] for name in candidates if name in by_plain_name), None)
            if match is not None:
                name_of[joint if joint in ("neck", "head", "chest") else f"{joint}_{letter}"] = match
    missing = [joint for joint in REQUIRED if joint not in name_of]
    if missing:
        raise EgotapError(
            f"{path}: no joint for {', '.join(missing)} among {', '.join(at)}; "
            "use the names of CMU, Mixamo or LAFAN (Neck, Head, LeftArm, LeftForeArm, LeftHand, LeftUpLeg, ...)"
        )
    points = {joint: at[name] for joint, name in name_of.items()}
    for side in "lr":  # A hand or foot without further joints may have a tip.
        for bone, tip in (("hand", "finger"), ("foot", "ball")):
            name = name_of[f"{bone}_{side}"]
            if f"{tip}_{side}" not in points and name in tips and (tips[name] - at[name]).norm(dim=-1).min() > 1e-6:
                points[f"{tip}_{side}"] = tips[name]
    points["face"] = _face(points, world[name_of["head"]])
    return points


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.rsplit(":", 1)[-1].lower())


def _face(points: Mapping[str, Tensor], head: Float[Tensor, "f 3 3"]) -> Float[Tensor, "f 3"]:
    """A point in front of the head. Files do not say which way it faces: on average, as the chest does."""
    left = points["upperarm_l"] - points["upperarm_r"]
    hip = (points["thigh_l"] + points["thigh_r"]) / 2
    ahead = torch.nn.functional.normalize(torch.linalg.cross(left, points["neck"] - hip), dim=-1)
    local = torch.einsum("fji,fj->i", head, ahead)
    reach = (points["head"] - points["neck"]).norm(dim=-1).mean()
    return points["head"] + reach * head @ torch.nn.functional.normalize(local, dim=0)
