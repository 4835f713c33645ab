"""Human motion capture in DeepMimic's text format, as the `pybullet` wheel contains it."""

from __future__ import annotations

import importlib.util
import json
import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import roma
import torch
from jaxtyping import Float
from torch import Tensor

from egotap_pl.core.disks import raise_if_disk_fails
from egotap_pl.core.errors import EgotapError
from egotap_pl.core.limits import DEEPMIMIC_BYTES
from egotap_pl.synth.motion.captures import CapturedMotions, check_categories, check_file, say_unused

COLUMNS = 44
"""Numbers in a row of a file: the duration of the frame, then its pose."""
CATEGORY_OF: dict[str, str] = {
    "backflip": "jumping",
    "cartwheel": "exercising",
    "crawl": "crawling",
    "dance_a": "dancing",
    "dance_b": "dancing",
    "getup_facedown": "laying",
    "getup_faceup": "laying",
    "jump": "jumping",
    "kick": "boxing",
    "punch": "boxing",
    "roll": "rolling",
    "run": "standing - forward",
    "spin": "dancing",
    "spinkick": "boxing",
    "walk": "standing - forward",
}
"""Category of each public clip, by file name without ``humanoid3d_`` and ``.txt``."""

# The format's humanoid: X forward, Y up, Z right, metres, arms hanging down. (parent, offset from the parent)
_JOINTS: dict[str, tuple[str, tuple[float, float, float]]] = {
    "chest": ("root", (0.0, 0.236151, 0.0)),
    "neck": ("chest", (0.0, 0.223894, 0.0)),
    "head": ("neck", (0.0, 0.14, 0.0)),
    "face": ("neck", (0.3, 0.14, 0.0)),
}
for _side, _right in (("l", -1.0), ("r", 1.0)):
    _JOINTS |= {
        f"thigh_{_side}": ("root", (0.0, 0.0, _right * 0.084887)),
        f"calf_{_side}": (f"thigh_{_side}", (0.0, -0.421546, 0.0)),
        f"foot_{_side}": (f"calf_{_side}", (0.0, -0.40987, 0.0)),
        f"ball_{_side}": (f"foot_{_side}", (0.14, -0.06, 0.0)),
        f"upperarm_{_side}": ("chest", (-0.02405, 0.2435, _right * 0.18311)),
        f"lowerarm_{_side}": (f"upperarm_{_side}", (0.0, -0.274788, 0.0)),
        f"hand_{_side}": (f"lowerarm_{_side}", (0.0, -0.258947, 0.0)),
    }
# Columns after the root's, in the file's order: 4 numbers are a quaternion (w first), 1 number is an angle about Z.
_ROTATIONS = (
    ("chest", 4),
    ("neck", 4),
    *(
        (f"{joint}_{side}", size)
        for side in "rl"
        for joint, size in (("thigh", 4), ("calf", 1), ("foot", 4), ("upperarm", 4), ("lowerarm", 1))
    ),
)
_LEAST_SECONDS = 3.0


class DeepMimicMotions(CapturedMotions):
    """The ``humanoid3d_*.txt`` files of a folder.

    Args:
        folder: folder of the files; by default the one inside the installed `pybullet` wheel.
        categories: category by file stem without ``humanoid3d_``; takes precedence over `CATEGORY_OF`. A file that is
            in neither is ``standing - whole body``.

    Raises:
        EgotapError: if there is no such folder, it has no such files, or a category is unknown.
    """

    format, version, max_bytes = "deepmimic", 1, DEEPMIMIC_BYTES

    def __init__(self, folder: Path | str | None = None, categories: Mapping[str, str] | None = None) -> None:
        self.folder = _installed_folder() if folder is None else Path(folder)
        files = {f"deepmimic/{path.stem}": path for path in sorted(self.folder.glob("humanoid3d_*.txt"))}
        if not files:
            raise EgotapError(
                f"{self.folder}: no motions in this folder: expected humanoid3d_*.txt in DeepMimic's format"
            )
        category_of = CATEGORY_OF | dict(categories or {})
        check_categories(category_of)
        stems = {name: path.stem.removeprefix("humanoid3d_") for name, path in files.items()}
        unused = [key for key in categories or {} if key not in stems.values()]
        say_unused(unused, f"{self.folder}: categories: this folder has no humanoid3d_NAME.txt for NAME")
        super().__init__(files, {name: category_of.get(stem, "standing - whole body") for name, stem in stems.items()})

    def read(self, path: Path) -> tuple[Float[np.ndarray, "f"], dict[str, Float[Tensor, "f 3"]]]:
        """Times and positions of joints, as `read_deepmimic` returns them; a short cyclic motion is repeated for 3 s.

        Raises:
            EgotapError: if the file cannot be read or is not in the format.
        """
        return _looped(*read_deepmimic(path))


def _installed_folder() -> Path:
    # Located without an import, so that no code of the package runs: only its data files are needed.
    spec = importlib.util.find_spec("pybullet_data")
    folder = Path(spec.origin).parent / "data" / "motions" if spec and spec.origin else None
    if folder is None or not folder.is_dir():
        raise EgotapError(
            "DeepMimicMotions needs the clips of the pybullet wheel, which are not installed; "
            "install the extra: pip install 'egotap-pl[mocap]' (Python 3.12 and newer need a C++ compiler for it), "
            "or set folder to one with humanoid3d_*.txt files"
        )
    return folder


def read_deepmimic(
    path: Path,
) -> tuple[Float[np.ndarray, "f"], dict[str, Float[Tensor, "f 3"]], bool]:
    """Times (s), positions of joints (cm, in the figure's axes), and whether the motion is cyclic.

    The names of the joints are those of `retarget.REQUIRED` and `retarget.OPTIONAL`.

    Raises:
        EgotapError: if the file cannot be read or is not in the format.
    """
    frames, wraps = _frames(path)
    durations, values = frames[:, 0], torch.from_numpy(frames[:, 1:]).float()
    # A frame lasts until the next one; the duration of the last one (mostly 0) has no meaning.
    times = np.concatenate(([0.0], np.cumsum(np.maximum(durations[:-1], 1e-4))))
    rotations = {"root": _rotation(values[:, 3:7], path)}
    column = 7
    for joint, size in _ROTATIONS:
        rotations[joint] = _rotation(values[:, column : column + size], path)
        column += size
    world, at = {"root": rotations["root"]}, {"root": values[:, :3]}
    for joint, (parent, offset) in _JOINTS.items():
        at[joint] = at[parent] + world[parent] @ torch.tensor(offset)
        world[joint] = world[parent] @ rotations[joint] if joint in rotations else world[parent]
    del at["root"]
    # From X forward, Y up, Z right (m) to X left, Y up, Z forward (cm).
    return times, {name: 100 * torch.stack((-p[:, 2], p[:, 1], p[:, 0]), -1) for name, p in at.items()}, wraps


def _frames(path: Path) -> tuple[Float[np.ndarray, "f 44"], bool]:
    check_file(path, DEEPMIMIC_BYTES)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        rows, loop = content["Frames"], content["Loop"]
        frames = np.array(rows, dtype=np.float64)
    except OSError as error:
        raise_if_disk_fails(error, path)
        raise EgotapError(f"{path}: cannot be read ({error.strerror})") from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise EgotapError(
            f'{path}: not a motion in DeepMimic\'s format: expected JSON with "Loop" and "Frames", '
            f"a list of rows of {COLUMNS} numbers ({type(error).__name__}: {error})"
        ) from error
    if frames.ndim != 2 or len(frames) < 2 or frames.shape[1] != COLUMNS:
        raise EgotapError(
            f"{path}: expected at least 2 rows of {COLUMNS} numbers (the humanoid) in Frames, found {frames.shape}"
        )
    if not np.isfinite(frames).all():
        row = int(np.flatnonzero(~np.isfinite(frames).all(1))[0])
        raise EgotapError(f"{path}: frame {row} contains a number that is not finite")
    if (frames[:, 0] < 0).any():
        raise EgotapError(f"{path}: frame {int(np.argmin(frames[:, 0]))} has a negative duration")
    return frames, loop == "wrap"


def _rotation(values: Float[Tensor, "f size"], path: Path) -> Float[Tensor, "f 3 3"]:
    if values.shape[1] == 1:
        return roma.rotvec_to_rotmat(values * torch.tensor([0.0, 0.0, 1.0]))
    # The public clips were edited by hand: lengths from 0.58 to 1.12 occur. Beyond that it is not a quaternion.
    length = values.norm(dim=-1)
    if ((length - 1).abs() > 0.5).any():
        raise EgotapError(
            f"{path}: frame {int((length - 1).abs().argmax())} has a quaternion whose length is far from 1"
        )
    return roma.unitquat_to_rotmat(roma.quat_wxyz_to_xyzw(values / length[:, None]))


def _looped(
    times: Float[np.ndarray, "f"], points: dict[str, Float[Tensor, "f 3"]], wraps: bool
) -> tuple[Float[np.ndarray, "n"], dict[str, Float[Tensor, "n 3"]]]:
    """A motion that ends as it begins, repeated for three seconds, each time from where it ended."""
    hip = (points["thigh_l"] + points["thigh_r"]) / 2
    way = (hip[-1] - hip[0]) * torch.tensor([1.0, 0.0, 1.0])
    gap = max((p[-1] - p[0] - way).norm().item() for p in points.values())
    count = math.ceil(_LEAST_SECONDS / times[-1])
    if not wraps or count < 2 or gap > 30.0:
        return times, points
    # The last frame equals the first one of the next round.
    rounds = np.concatenate([times[:-1] + i * times[-1] for i in range(count)])
    return rounds, {name: torch.cat([p[:-1] + i * way for i in range(count)]) for name, p in points.items()}
