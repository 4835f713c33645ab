"""Poses that `egotap predict` wrote, read from a file that may be somebody else's."""

from __future__ import annotations

import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from egotap_pl.core.errors import EgotapError
from egotap_pl.core.hdf5 import Hdf5File
from egotap_pl.core.limits import GIB, HEADER_BYTES, PREDICTIONS_BYTES
from egotap_pl.core.plain_json import parse_json, skeleton_from
from egotap_pl.core.skeleton import Skeleton

FORMAT = "egotap-poses"
"""The attribute ``format`` of a file of poses."""
VERSION = 1
"""Its attribute ``version``."""
REMEDY = "run egotap predict again"
_COLUMNS = ("pose_cm", "confidence", "frame", "time_s")


@dataclass(frozen=True, eq=False)
class Poses:
    """Estimated poses of n frames of a recording, in their order."""

    pose_cm: Float[np.ndarray, "n j 3"]
    """Estimated joints in the left camera's axes."""
    confidence: Float[np.ndarray, "n j"]
    """The peaks of the joints' heatmaps; NaN where there is none, and in files without them."""
    frame: Int[np.ndarray, "n"]
    """Number of each frame in the recording. Skipped frames have none."""
    time_s: Float[np.ndarray, "n"]
    """Time of each frame in its video; NaN for other recordings."""
    skeleton: Skeleton
    """The skeleton of the poses."""
    recording: str
    """Path of the recording."""
    checkpoint: str
    """Name of the checkpoint that estimated them."""

    def __len__(self) -> int:
        return len(self.frame)

    @classmethod
    def read(cls, path: Path) -> Poses:
        """Read an .h5 or .npz file of `egotap predict`.

        Raises:
            EgotapError: if the file is missing, damaged, or not poses of this program.
        """
        arrays, texts = _read_npz(path) if path.suffix.lower() == ".npz" else _read_hdf5(path)
        if texts.get("format") != FORMAT:
            raise EgotapError(f"{path}: not poses of this program: its format is not {FORMAT}; {REMEDY}")
        try:
            text = texts["skeleton"]
            if len(text) > HEADER_BYTES:
                raise ValueError(f"{len(text)} characters, more than {HEADER_BYTES}")
            skeleton = skeleton_from(parse_json(text))
        except (KeyError, TypeError, ValueError) as error:
            raise EgotapError(f"{path}: its skeleton is damaged ({error}); {REMEDY}") from error
        frames, joints = (*arrays["frame"].shape, 0)[0], len(skeleton.estimated)
        arrays.setdefault("confidence", np.full((frames, joints), np.nan, np.float32))  # of earlier versions
        shapes = {
            "pose_cm": (frames, joints, 3),
            "confidence": (frames, joints),
            "frame": (frames,),
            "time_s": (frames,),
        }
        kinds = {name: "iu" if name == "frame" else "f" for name in _COLUMNS}
        wrong = [n for n in _COLUMNS if arrays[n].shape != shapes[n] or arrays[n].dtype.kind not in kinds[n]]
        if wrong:
            raise EgotapError(f"{path}: wrong shape or type of {', '.join(wrong)}; {REMEDY}")
        return cls(
            **arrays, skeleton=skeleton, recording=texts.get("input", ""), checkpoint=texts.get("checkpoint", "")
        )


def are_poses(path: Path) -> bool:
    """Whether a file says that it holds poses: an .npz file, or an HDF5 file of this format."""
    if path.suffix.lower() == ".npz":
        return True
    with Hdf5File(path, REMEDY) as file:
        return file.attribute("format") == FORMAT


def _read_hdf5(path: Path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    with Hdf5File(path, REMEDY, PREDICTIONS_BYTES) as file:
        names = [name for name in _COLUMNS if name in file or name != "confidence"]
        arrays = {name: file.array(name, PREDICTIONS_BYTES) for name in names}
        texts = {name: file.attribute(name) for name in ("format", "skeleton", "input", "checkpoint")}
    return arrays, {name: text for name, text in texts.items() if isinstance(text, str)}


def _read_npz(path: Path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    if not path.is_file():
        raise EgotapError(f"{path}: no such file")
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(member.file_size for member in archive.infolist())
        if size > PREDICTIONS_BYTES:
            raise ValueError(f"its arrays take more than {PREDICTIONS_BYTES // GIB} GiB")
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in _COLUMNS if name in file.files or name != "confidence"}
            attributes: Any = parse_json(str(file["attributes"]))
    except Exception as error:  # a damaged archive can end in an error of almost any kind
        raise EgotapError(f"{path}: not poses of this program, or damaged ({error}); {REMEDY}") from error
    if not isinstance(attributes, dict):
        raise EgotapError(f"{path}: its attributes are {json.dumps(attributes)[:40]}; {REMEDY}")
    return arrays, {name: text for name, text in attributes.items() if isinstance(text, str)}
