"""What a run predicted for the test set, with everything that tables and figures need: no frame store is needed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import torch
from jaxtyping import Float, Int, UInt8

from egotap_pl.core.atomic import atomic
from egotap_pl.core.errors import EgotapError
from egotap_pl.core.skeleton import Skeleton
from egotap_pl.metrics import joint_errors_mm


@dataclass(frozen=True, eq=False)
class Predictions:
    """Poses of a split, frame by frame, in the order of the frame store.

    Fields:
        pose_cm: estimated joints, in the left camera's axes.
        truth_cm: likewise.
        visibility: a `egotap_pl.core.batch.Visibility` per view and estimated joint.
        row: of the frame store.
        category, subject, motion: names.
        frame_number: within the motion.
        skeleton: whose estimated joints these are.
        dataset_fingerprint: of the frame store.
        split: name of the split.
    """

    pose_cm: Float[np.ndarray, "n j 3"]
    truth_cm: Float[np.ndarray, "n j 3"]
    visibility: UInt8[np.ndarray, "n v j"]
    row: Int[np.ndarray, "n"]
    category: tuple[str, ...]
    subject: tuple[str, ...]
    motion: tuple[str, ...]
    frame_number: Int[np.ndarray, "n"]
    skeleton: Skeleton
    dataset_fingerprint: str
    split: str

    def __len__(self) -> int:
        return len(self.row)

    @property
    def error_mm(self) -> Float[np.ndarray, "n j"]:
        """Distance to the truth of every joint."""
        return joint_errors_mm(torch.from_numpy(self.pose_cm), torch.from_numpy(self.truth_cm)).numpy()

    def write(self, path: Path) -> None:
        """Write an HDF5 file: a dataset per field, the last three as attributes."""
        skeleton = self.skeleton
        with atomic(path) as temporary, h5py.File(temporary, "w") as file:
            for name in ("pose_cm", "truth_cm", "visibility", "row", "frame_number"):
                file[name] = getattr(self, name)
            for name in ("category", "subject", "motion"):
                file.create_dataset(name, data=list(getattr(self, name)), dtype=h5py.string_dtype())
            file.attrs["joints"] = list(skeleton.estimated_names)
            file.attrs["skeleton"] = json.dumps(
                [skeleton.name, skeleton.joints, skeleton.parents, skeleton.estimates_root]
            )
            file.attrs["dataset_fingerprint"], file.attrs["split"] = self.dataset_fingerprint, self.split

    @classmethod
    def read(cls, path: Path) -> Predictions:
        """Read what `write` wrote.

        Raises:
            EgotapError: if the file is not there, damaged or of an older version of this program.
        """
        try:
            with h5py.File(path, "r", locking="best-effort") as file:
                name, joints, parents, estimates_root = json.loads(file.attrs["skeleton"])
                arrays: dict[str, Any] = {
                    k: file[k][...] for k in ("pose_cm", "truth_cm", "visibility", "row", "frame_number")
                }
                names: dict[str, Any] = {k: tuple(file[k].asstr()[...]) for k in ("category", "subject", "motion")}
                origin: dict[str, Any] = {k: str(file.attrs[k]) for k in ("dataset_fingerprint", "split")}
        except (OSError, KeyError, TypeError, ValueError) as error:
            raise EgotapError(f"{path} cannot be read as predictions ({error}): run or evaluate again") from error
        return cls(**arrays, **names, skeleton=Skeleton(name, tuple(joints), tuple(parents), estimates_root), **origin)
