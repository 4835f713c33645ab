"""UnrealEgo's folders and lists: the motions, with their subjects, categories and places."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from egotap_pl.core.categories import CATEGORIES
from egotap_pl.core.disks import raise_if_disk_fails
from egotap_pl.core.errors import EgotapError
from egotap_pl.core.limits import UNREALEGO_LIST_BYTES
from egotap_pl.data.untrusted.readers import read_text

ROOT_NAME = "UnrealEgoData"
"""The first folder in every line of a list, which stands for the root of the data."""
LEVELS = ("environment", "Day or Night", "human", "glasses", "category", "motion")
"""What the folders below the root stand for, from the outermost to the innermost."""
JSON_FOLDER = "json"
IMPL_FOLDER = "all_data_with_img-256_hm-64_pose-16_npy"
IMAGE_FOLDERS = ("fisheye_final_image/camera_left", "fisheye_final_image/camera_right")

_CATEGORY = re.compile(r"(\d{3})(\D.*)?")


@dataclass(frozen=True)
class Motion:
    """A line of a list."""

    name: str
    """Its folder: ``<environment>/<Day or Night>/<human>/<glasses>/<category>/<motion>``."""

    subject: str
    """The human."""

    category: str
    """Name of the motion's category."""


def find_root(root: Path) -> Path:
    """The folder of the environments: ``root`` itself, or its ``UnrealEgoData``.

    Raises:
        EgotapError: if there is no such folder.
    """
    if not root.is_dir():
        raise EgotapError(f"{root}: no such folder; data.root must be the folder of UnrealEgo's data")
    return root / ROOT_NAME if (root / ROOT_NAME).is_dir() else root


def read_list(path: Path) -> tuple[Motion, ...]:
    """The motions of a split's list, in its order.

    Raises:
        EgotapError: if the file is missing or empty, or a line is not a motion of UnrealEgo.
    """
    lines = read_text(path, UNREALEGO_LIST_BYTES).splitlines()
    motions = [parse_motion(line.strip(), f"{path}, line {n}") for n, line in enumerate(lines, 1) if line.strip()]
    if not motions:
        raise EgotapError(f"{path} names no motion: expected one motion per line")
    return tuple(dict.fromkeys(motions))


def category_folder(category: str) -> str:
    """The three digits of a category's folder."""
    return f"{CATEGORIES.index(category) + 1:03d}"


def frame_numbers(folder: Path, prefix: str, suffix: str) -> set[int]:
    """The numbers n of the files ``<prefix><n><suffix>`` in a folder; none if the folder does not exist.

    Args:
        folder: the folder.
        prefix: beginning of the files' names.
        suffix: end of the files' names.

    Raises:
        EgotapError: if the folder cannot be read.
    """
    pattern = re.compile(rf"{re.escape(prefix)}(\d{{1,9}}){re.escape(suffix)}")
    try:
        names = os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return set()
    except OSError as error:
        raise_if_disk_fails(error, folder)
        raise EgotapError(f"{folder} cannot be read: {error.strerror or error}") from error
    return {int(match[1]) for name in names if (match := pattern.fullmatch(name))}


def parse_motion(line: str, place: str) -> Motion:
    """The motion of a list's line.

    Raises:
        EgotapError: if the line is not a motion of UnrealEgo; the message begins with ``place``.
    """
    parts: Sequence[str] = [part for part in line.replace("\\", "/").split("/") if part not in ("", ".")]
    if not parts or not parts[0].startswith(ROOT_NAME) or len(parts) != 1 + len(LEVELS) or ".." in parts:
        expected = "/".join(f"<{level}>" for level in LEVELS)
        raise EgotapError(f"{place}: {line[:200]!r} is not ./{ROOT_NAME}/{expected}")
    _, _, _, human, _, category, _ = parts
    number = int(match[1]) if (match := _CATEGORY.fullmatch(category)) else 0
    if not 1 <= number <= len(CATEGORIES):
        raise EgotapError(f"{place}: category folder {category!r} does not begin with 001 to {len(CATEGORIES):03d}")
    return Motion("/".join(parts[1:]), human, CATEGORIES[number - 1])
