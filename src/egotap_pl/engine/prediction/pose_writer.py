"""What every file of estimated poses has: where the poses come from, and how they are added to it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, TypeAlias

import numpy as np
from jaxtyping import Float32

from egotap_pl.analysis.poses import FORMAT, VERSION
from egotap_pl.core.skeleton import Skeleton

DEFAULT_FPS = 30.0
"""Frames per second of recordings that do not say."""
Header: TypeAlias = "dict[str, str | int | list[str]]"
"""Attributes of a pose file: what its poses are and where they come from."""


@dataclass(frozen=True)
class PoseOrigin:
    """The joints of estimated poses, and the checkpoint that estimated them."""

    skeleton: Skeleton
    """The skeleton whose estimated joints the poses have."""

    checkpoint: str
    """File name of the checkpoint."""

    checkpoint_sha256: str
    """SHA-256 of that file."""

    experiment: str
    """Preset that the checkpoint was trained with."""

    dataset: str
    """Data set that the checkpoint was trained on. Poses are relative to its origin."""

    egotap_version: str
    """Version of egotap that estimated the poses."""

    def attributes(self) -> dict[str, str | list[str]]:
        """The attributes of a pose file's header."""
        rest = {name: value for name, value in asdict(self).items() if name != "skeleton"}
        return {
            "unit": "cm",
            "joints": list(self.skeleton.estimated_names),
            "skeleton": json.dumps(asdict(self.skeleton)),
            **rest,
        }


class PoseRows(NamedTuple):
    """Poses of some frames; see `PoseWriter.append`."""

    pose_cm: Float32[np.ndarray, "n j 3"]
    """Estimated joints, in the left camera's axes."""

    frame: Sequence[int]
    """Numbers of the frames in the input."""

    name: Sequence[str]
    """Names of the frames in the input; empty if they have none."""

    time_s: Sequence[float]
    """Times of the frames in a video; NaN in other inputs."""

    confidence: Float32[np.ndarray, "n j"]
    """Confidence in each joint; NaN for a joint without a heatmap."""

    expected_error_cm: Float32[np.ndarray, "n j"] | None = None
    """The error that the network expects of each joint; None if it does not estimate its errors."""


class PoseWriter:
    """Writes poses batch by batch; a context manager. A format is a subclass with `open`, `add` and `close`.

    Args:
        path: the file to write.
        origin: the joints of the poses, and their checkpoint.
        input_names: paths of the input, for the header.
        fps: frames per second of the input, for formats without a time for every frame.
    """

    def __init__(self, path: Path, origin: PoseOrigin, input_names: str, fps: float = DEFAULT_FPS) -> None:
        self.path, self.origin, self.fps = path, origin, fps
        self.header: Header = {"format": FORMAT, "version": VERSION, **origin.attributes(), "input": input_names}

    def __enter__(self) -> PoseWriter:
        self.open()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close(kind is None)

    def append(
        self,
        pose_cm: Float32[np.ndarray, "n j 3"],
        frame: Sequence[int],
        name: Sequence[str],
        time_s: Sequence[float],
        confidence: Float32[np.ndarray, "n j"],
        expected_error_cm: Float32[np.ndarray, "n j"] | None = None,
    ) -> None:
        """Add the poses of the next frames.

        Args:
            pose_cm: estimated joints, in the left camera's axes.
            frame: numbers of the frames in the input.
            name: names of the frames in the input; empty if they have none.
            time_s: times of the frames in a video; NaN in other inputs.
            confidence: confidence in each joint; NaN for a joint without a heatmap.
            expected_error_cm: the error that the network expects of each joint, for all frames of a file or for none.
        """
        self.add(PoseRows(pose_cm, frame, name, time_s, confidence, expected_error_cm))

    def open(self) -> None:
        """Begin the file."""
        raise NotImplementedError

    def add(self, rows: PoseRows) -> None:
        """Write the next frames, or keep them until the end."""
        raise NotImplementedError

    def close(self, is_complete: bool) -> None:
        """End the file.

        Args:
            is_complete: whether all frames were added; the file is removed otherwise.
        """
        raise NotImplementedError
