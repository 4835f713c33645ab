"""What distinguishes the data sets whose poses are relative to the headset: names of joints, folders and lists."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from egotap_pl.core.camera import PolynomialCamera
from egotap_pl.core.errors import EgotapError
from egotap_pl.data.unrealego.tree import Motion

UNCATEGORISED = "uncategorised"
"""The category of motions that a data set does not categorise."""

_PARTS = ("Arm", "ForeArm", "Hand", "UpLeg", "Leg", "Foot", "ToeBase")
REAL_JOINTS = ("Head", "Neck", *(f"{side}{part}" for part in _PARTS for side in ("Left", "Right")))
"""UnrealEgo's 16 joints, in its order, under the names that the later data sets have."""


class Dataset(ABC):
    """Names of a data set's files and of what is in them. Equal for all instances, so that it can be pickled."""

    name: ClassVar[str]
    """Name in identities and of the YAML files."""

    title: ClassVar[str]
    """Name in messages."""

    root_prefix: ClassVar[str]
    """What the names of downloaded folders begin with."""

    list_prefix: ClassVar[str]
    """What the folder begins with that stands for the root in the lines of lists."""

    frame_px: ClassVar[int]
    """Height and width of the frames, which 2D points are pixels of."""

    joints: ClassVar[tuple[str, ...]]
    """Names of the joints in json files, in the order of UnrealEgo's skeleton."""

    pelvis: ClassVar[str | None]
    """Name of the pelvis in json files; None: the midpoint of the hips stands for it."""

    cameras: ClassVar[tuple[str, str]]
    """Names of the left and the right camera, in json files and of folders of images."""

    image_folder: ClassVar[str]
    """Folder within a motion's that has a folder of images for each camera."""

    image_prefix: ClassVar[str]
    """What the names of images begin with, where json files begin with ``frame_``."""

    image_suffixes: ClassVar[tuple[str, ...]]
    """Suffixes that images may have."""

    json_folder: ClassVar[str]
    """Folder within a motion's that has the json files."""

    categories: ClassVar[tuple[str, ...]]
    """All motion categories."""

    has_device_points: ClassVar[bool]
    """Whether every joint must have ``device_pts3d``. If not, `device.device_to_views` says where the headset is, and
    poses may have the short form (`labels.read_labels`)."""

    nominal_baseline_cm: ClassVar[float | None]
    """X of the left camera's position in the right camera's frame, where both cameras' axes are known to be parallel;
    None: files have to say how the cameras are to each other."""

    @property
    def camera(self) -> PolynomialCamera | None:
        """The camera of both views; None: a file of calibration is needed."""
        return None

    @abstractmethod
    def motions(self, parts: Sequence[str], place: str, folders: Sequence[Path]) -> list[Motion]:
        """The motions that a line of a list stands for.

        Args:
            parts: the folders of the line's path, below the root of the data.
            place: file and line, for messages.
            folders: roots of the data, which a line that names several motions is looked up in.

        Raises:
            EgotapError: if the line does not name a motion of this data set.
        """


def subject_of(parts: Sequence[str]) -> str:
    """The person in the path of a real motion: the folder ``S<number>``, or else the first folder.

    >>> subject_of(("2024_07_24", "S1", "seq_3-0"))
    'S1'
    """
    return next((part for part in parts if re.fullmatch(r"S\d+", part)), parts[0])


def path_below_root(line: str, prefix: str, place: str) -> tuple[str, ...]:
    """The folders of a list's line below the root of the data.

    Published lists have the name of a root, or a path of their authors', at the beginning of each line.

    Args:
        line: the line.
        prefix: beginning of the roots' names.
        place: file and line, for messages.

    Raises:
        EgotapError: if the line is not a relative path below the root.

    >>> path_below_root("/data/UnrealEgoData2_test_rgb/Env/Day", "UnrealEgoData", "test.txt, line 1")
    ('Env', 'Day')
    """
    parts = [part for part in line.replace("\\", "/").split("/") if part not in ("", ".")]
    roots = [n for n, part in enumerate(parts) if part.startswith(prefix)]
    is_absolute = line.startswith("/") and not roots
    parts = parts[roots[-1] + 1 :] if roots else parts
    if not parts or ".." in parts or is_absolute:
        raise EgotapError(f"{place}: {line[:200]!r} is not a folder below {prefix}...: expected one motion per line")
    return tuple(parts)
