"""Motions from a folder of BVH files, read by the `bvhio` library."""

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
from egotap_pl.synth.motion.captures import CapturedMotions, check_categories
from egotap_pl.synth.motion.retarget import REQUIRED

# For each of our joints, what skeletons call it, without "mixamorig:" and the like, in small letters; the first
# match wins. {S} is left or right, {s} is l or r. The names are CMU's, Mixamo's, LAFAN1's, Daz's and Unreal's.
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
    """The BVH files of a folder and of the folders in it.

    A file's category is, in this order: that of the longest prefix of its path in the folder among ``categories``; the
    name of the folder it lies in, if that is a category; ``default_category``.

    Args:
        folder: where the files are.
        categories: category by beginning of the file's path in the folder (``locomotion/run``), forward slashes.
        default_category: category of all other files.

    Raises:
        EgotapError: if `bvhio` is not installed, the folder has no file, or a category is unknown.
    """

    format, version = "bvh", 1

    def __init__(
        self,
        folder: Path | str,
        categories: Mapping[str, str] | None = None,
        default_category: str = "standing - whole body",
    ) -> None:
        if importlib.util.find_spec("bvhio") is None:
            raise EgotapError("motions=bvh needs the library bvhio; install the extra: pip install 'egotap-pl[mocap]'")
        self.folder = Path(folder)
        given = dict(categories or {})
        check_categories({**given, "all other files": default_category})
        files = sorted(p for p in self.folder.rglob("*") if p.suffix.lower() == ".bvh" and p.is_file())
        if not files:
            raise EgotapError(f"{self.folder}: no .bvh file there")
        places = {path.relative_to(self.folder).with_suffix("").as_posix(): path for path in files}
        super().__init__(
            {f"bvh/{place}": path for place, path in places.items()},
            {f"bvh/{place}": _category(place, path, given, default_category) for place, path in places.items()},
        )

    def read(self, path: Path) -> tuple[Float[np.ndarray, "f"], dict[str, Float[Tensor, "f 3"]]]:
        """See `read_bvh`."""
        return read_bvh(path)


def _category(place: str, path: Path, given: Mapping[str, str], default: str) -> str:
    prefixes = [prefix for prefix in given if place.startswith(prefix)]
    if prefixes:
        return given[max(prefixes, key=len)]
    return path.parent.name if path.parent.name in CATEGORIES else default


def read_bvh(path: Path) -> tuple[Float[np.ndarray, "f"], dict[str, Float[Tensor, "f 3"]]]:
    """Times (s) and joint positions (the file's unit, Y up, named as retargeting wants them).

    Raises:
        EgotapError: if the file cannot be read, is broken, or lacks a joint.
    """
    _check(path)
    import bvhio

    try:
        container = bvhio.readAsBvh(str(path))
        at, world, tips = _placed(container.Root)
    except Exception as error:  # no error of the library's own: index, type, syntax and others mean "broken"
        reason = error.args[0] if error.args else type(error).__name__
        raise EgotapError(f"{path}: not a BVH file that can be read ({reason})") from error
    if not all(torch.isfinite(p).all() for p in at.values()):
        raise EgotapError(f"{path}: has numbers that are not finite")
    times = np.arange(container.FrameCount) * float(container.FrameTime)
    return times, _named(path, at, world, tips)


def _check(path: Path) -> None:
    """Refuse what the library does not: it waits forever for the lines that a cut-off file lacks."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise EgotapError(f"{path}: cannot be read ({error.strerror})") from error
    hierarchy, motion, frames = text.partition("MOTION")
    head = re.match(r"\s*Frames:\s*(\d+)\s+Frame Time:\s*(\S+)[ \t]*\r?\n", frames)
    if not hierarchy.lstrip().startswith("HIERARCHY") or not motion or head is None:
        raise EgotapError(f"{path}: not a BVH file (HIERARCHY, MOTION, Frames: and Frame Time: expected)")
    if hierarchy.count("{") != hierarchy.count("}") or "{" not in hierarchy:
        raise EgotapError(f"{path}: the braces of HIERARCHY do not match")
    channels = sum(int(n) for n in re.findall(r"CHANNELS\s+(\d+)", hierarchy))
    rows = [line for line in frames[head.end() :].splitlines() if line.strip()]
    count = int(head[1])
    if count < 2 or len(rows) < count:
        raise EgotapError(f"{path}: {len(rows)} lines of motion; {max(count, 2)} expected (is the file cut off?)")
    try:
        frame_time = float(head[2])
    except ValueError:
        frame_time = 0.0
    if not 1e-4 < frame_time < 10:
        raise EgotapError(f"{path}: Frame Time: {head[2]!r} is not a duration in seconds")
    for number, row in enumerate(rows[:count]):
        if len(row.split()) != channels:
            raise EgotapError(
                f"{path}: frame {number} has {len(row.split())} numbers, the skeleton {channels} channels"
            )


def _placed(root: Any) -> tuple[dict[str, Tensor], dict[str, Tensor], dict[str, Tensor]]:
    """World position and orientation of every joint, and the position of the tip of every last one."""
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
    plain: dict[str, str] = {}
    for name in at:
        plain.setdefault(_plain(name), name)
    found: dict[str, str] = {}
    for joint, names in _NAMES.items():
        for whole, letter in (("left", "l"), ("right", "r")):
            wanted = (name.format(S=whole, s=letter) for name in names)
            match = next((plain[name] for name in wanted if name in plain), None)
            if match is not None:
                found[joint if joint in ("neck", "head", "chest") else f"{joint}_{letter}"] = match
    missing = [joint for joint in REQUIRED if joint not in found]
    if missing:
        raise EgotapError(
            f"{path}: no joint found for {', '.join(missing)} among {', '.join(at)}; "
            "name them as CMU, Mixamo or LAFAN do (Neck, Head, LeftArm, LeftForeArm, LeftHand, LeftUpLeg, ...)"
        )
    points = {joint: at[name] for joint, name in found.items()}
    for side in "lr":  # a hand or foot without further joints may have a tip
        for bone, tip in (("hand", "finger"), ("foot", "ball")):
            name = found[f"{bone}_{side}"]
            if f"{tip}_{side}" not in points and name in tips and (tips[name] - at[name]).norm(dim=-1).min() > 1e-6:
                points[f"{tip}_{side}"] = tips[name]
    points["face"] = _face(points, world[found["head"]])
    return points


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.rsplit(":", 1)[-1].lower())


def _face(points: Mapping[str, Tensor], head: Float[Tensor, "f 3 3"]) -> Float[Tensor, "f 3"]:
    """A point ahead of the head. Files do not say where a head's front is; on average it is where the chest's is."""
    left = points["upperarm_l"] - points["upperarm_r"]
    hip = (points["thigh_l"] + points["thigh_r"]) / 2
    ahead = torch.nn.functional.normalize(torch.linalg.cross(left, points["neck"] - hip), dim=-1)
    local = torch.einsum("fji,fj->i", head, ahead)
    reach = (points["head"] - points["neck"]).norm(dim=-1).mean()
    return points["head"] + reach * head @ torch.nn.functional.normalize(local, dim=0)
