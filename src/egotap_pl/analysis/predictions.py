"""A run's poses of the test frames, with all that tables and figures need, so that they need no frame store."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8

from egotap_pl.core.atomic import atomic
from egotap_pl.core.batch import Visibility
from egotap_pl.core.hdf5 import Hdf5File
from egotap_pl.core.hdf5_writing import new_file, write_numbers, write_texts
from egotap_pl.core.limits import GIB, HEADER_BYTES, PREDICTIONS_BYTES, TEXT_BYTES
from egotap_pl.core.plain_json import parse_json, skeleton_from
from egotap_pl.core.skeleton import Skeleton
from egotap_pl.metrics import joint_errors_mm, mpjpe_mm

REMEDY = "run or evaluate again"
EXPECTED_ERROR = "expected_error_cm"
"""Dataset that exists only if the network estimates its own errors."""


@dataclass(frozen=True, eq=False)
class Predictions:
    """Poses of a split's n frames, in the order of the frame store.

    Examples:
        >>> from egotap_pl.core.skeleton import unrealego
        >>> truth_cm = np.zeros((2, 16, 3), np.float32)
        >>> written = Predictions(
        ...     pose_cm=truth_cm + np.array([3, 0, 4], np.float32),
        ...     truth_cm=truth_cm,
        ...     visibility=np.ones((2, 2, 16), np.uint8),
        ...     row=np.arange(2),
        ...     category=("walking", "walking"),
        ...     subject=("anna", "anna"),
        ...     motion=("walk_1", "walk_1"),
        ...     frame_number=np.arange(2),
        ...     skeleton=unrealego(),
        ...     dataset_fingerprint="0123",
        ...     split="test",
        ... )
        >>> written.write(Path("predictions.h5"))
        >>> read = Predictions.read(Path("predictions.h5"))
        >>> len(read), read.error_mm.mean(1)
        (2, array([50., 50.]))
    """

    pose_cm: Float[np.ndarray, "n j 3"]
    """Estimated positions of the estimated joints, in the left camera's axes."""
    truth_cm: Float[np.ndarray, "n j 3"]
    """True positions of the same joints; NaN where they are not known."""
    visibility: UInt8[np.ndarray, "n v j"]
    """A `egotap_pl.core.batch.Visibility` for each view and estimated joint."""
    row: Int[np.ndarray, "n"]
    """Each frame's row of the frame store."""
    category: tuple[str, ...]
    """Each frame's kind of motion."""
    subject: tuple[str, ...]
    """Each frame's person."""
    motion: tuple[str, ...]
    """Name of each frame's motion."""
    frame_number: Int[np.ndarray, "n"]
    """Each frame's number within its motion."""
    skeleton: Skeleton
    """The skeleton of the poses."""
    dataset_fingerprint: str
    """Fingerprint of the frame store."""
    split: str
    """Name of the split."""
    expected_error_cm: Float[np.ndarray, "n j"] | None = None
    """The error that the network expects of each joint, in cm; None if it does not estimate its errors."""

    def __len__(self) -> int:
        return len(self.row)

    @property
    def error_mm(self) -> Float[np.ndarray, "n j"]:
        """Distance of every joint from its true position; NaN where this is not known."""
        return joint_errors_mm(torch.from_numpy(self.pose_cm), torch.from_numpy(self.truth_cm)).numpy()

    @property
    def frame_error_mm(self) -> Float[np.ndarray, "n"]:
        """MPJPE of each frame: the mean over its known joints; NaN if it has none."""
        return mpjpe_mm(torch.from_numpy(self.pose_cm), torch.from_numpy(self.truth_cm)).numpy()

    def write(self, path: Path) -> None:
        """Write an HDF5 file with a dataset for each field; skeleton, fingerprint and split are attributes."""
        skeleton = self.skeleton
        with atomic(path) as temporary, new_file(temporary) as file:
            for name in ("pose_cm", "truth_cm", "visibility", "row", "frame_number"):
                write_numbers(file, name, getattr(self, name))
            if self.expected_error_cm is not None:
                write_numbers(file, EXPECTED_ERROR, self.expected_error_cm)
            for name in ("category", "subject", "motion"):
                write_texts(file, name, list(getattr(self, name)))
            file.attrs["joints"] = list(skeleton.estimated_names)
            file.attrs["skeleton"] = json.dumps(
                [skeleton.name, skeleton.joints, skeleton.parents, skeleton.estimates_root]
            )
            file.attrs["dataset_fingerprint"], file.attrs["split"] = self.dataset_fingerprint, self.split

    @classmethod
    def read(cls, path: Path) -> Predictions:
        """Read a file that `write` wrote, here or elsewhere.

        Raises:
            EgotapError: if the file is missing, damaged, of an older version of this program, or not predictions.
        """
        with Hdf5File(path, REMEDY, PREDICTIONS_BYTES) as file:
            attributes = ("skeleton", "dataset_fingerprint", "split")
            texts: dict[str, Any] = {name: file.attribute(name) for name in attributes}
            if absent := [name for name, text in texts.items() if not isinstance(text, str)]:
                raise file.bad(f"not predictions of this program: it has no {absent[0]}")
            try:
                skeleton = _skeleton(texts.pop("skeleton"))
            except (TypeError, ValueError) as error:
                raise file.bad(f"its skeleton is damaged ({error})") from error
            arrays = _arrays(file, len(skeleton.estimated))
            names: dict[str, Any] = {name: file.texts(name, TEXT_BYTES) for name in ("category", "subject", "motion")}
            if wrong := [name for name, column in names.items() if len(column) != len(arrays["row"])]:
                raise file.bad(f"wrong shape of {', '.join(wrong)}")
        return cls(**arrays, **names, skeleton=skeleton, **texts)


def _arrays(file: Hdf5File, joints: int) -> dict[str, Any]:
    columns = {
        "pose_cm": (np.float32, (joints, 3)),
        "truth_cm": (np.float32, (joints, 3)),
        "visibility": (np.uint8, (2, joints)),
        "row": (np.integer, ()),
        "frame_number": (np.integer, ()),
    }
    if EXPECTED_ERROR in file:
        columns[EXPECTED_ERROR] = (np.float32, (joints,))
    datasets = {name: file.dataset(name) for name in columns}
    frames = (*datasets["row"].shape, 0)[0]
    wrong = [
        name
        for name, (kind, shape) in columns.items()
        if datasets[name].shape != (frames, *shape) or not np.issubdtype(datasets[name].dtype, kind)
    ]
    if wrong:
        raise file.bad(f"wrong shape or type of {', '.join(wrong)}")
    if sum(dataset.nbytes for dataset in datasets.values()) > PREDICTIONS_BYTES:
        raise file.bad(f"predictions of {frames} frames take more than {PREDICTIONS_BYTES // GIB} GiB")
    arrays = {name: file.array(name, PREDICTIONS_BYTES) for name in columns}
    if (arrays["visibility"] >= len(Visibility)).any() or (arrays["row"] < 0).any():
        raise file.bad(f"a row is negative, or a visibility is not within 0 to {len(Visibility) - 1}")
    return arrays


def _skeleton(text: str) -> Skeleton:
    if len(text) > HEADER_BYTES:
        raise ValueError(f"{len(text)} characters, more than {HEADER_BYTES}")
    name, joints, parents, estimates_root = parse_json(text)
    return skeleton_from({"name": name, "joints": joints, "parents": parents, "estimates_root": estimates_root})
