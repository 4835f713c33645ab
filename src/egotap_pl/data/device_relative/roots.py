"""Finds the files of a data set that is downloaded in several folders: images and poses, split by split."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from egotap_pl.core.errors import EgotapError
from egotap_pl.core.limits import UNREALEGO_LIST_BYTES
from egotap_pl.data.device_relative.dataset import Dataset, path_below_root
from egotap_pl.data.unrealego.tree import Motion
from egotap_pl.data.untrusted.readers import read_text

LABEL_PREFIX = "frame_"
"""What the names of json files begin with."""

_NUMBER = re.compile(r"\d{1,15}$")


class NamedFrame(NamedTuple):
    """A frame of a motion."""

    number: int
    """Number of the frame within its motion: the digits at the end of its name."""

    name: str
    """Name of its json file, without the suffix."""


@dataclass(frozen=True)
class MotionFolders:
    """The folders of a motion's files, which may be missing."""

    dataset: Dataset
    """Names of the files."""

    json: Path
    """Folder of the labels."""

    images: tuple[Path, Path]
    """Folders of the left and of the right images."""

    def json_path(self, name: str) -> Path:
        """The labels of a frame."""
        return self.json / f"{name}.json"

    def image_paths(self, name: str) -> tuple[Path, Path]:
        """The images of a frame; of a missing one, where it is expected."""
        left, right = (self._image_path(folder, name) for folder in self.images)
        return left, right

    def frames(self) -> tuple[NamedFrame, ...]:
        """The frames that have any of their three files, in the order of their numbers; none without images or labels.

        Raises:
            EgotapError: if a folder cannot be read, a file has no number, or two frames have the same number.
        """
        labels = {path.stem for path in _files(self.json, "", (".json",))}
        found = [_files(folder, self.dataset.image_prefix, self.dataset.image_suffixes) for folder in self.images]
        left, right = ({self._label_name(path) for path in paths} for paths in found)
        if not labels or not (left or right):
            return ()
        numbered: dict[int, str] = {}
        for name in sorted(labels | left | right):
            number = _number(self.json_path(name))
            if numbered.setdefault(number, name) != name:
                raise EgotapError(f"{self.json}: {numbered[number]} and {name} are both frame {number}: remove one")
        return tuple(NamedFrame(number, name) for number, name in sorted(numbered.items()))

    def _image_path(self, folder: Path, name: str) -> Path:
        stem = f"{self.dataset.image_prefix}{name.removeprefix(LABEL_PREFIX)}" if self.dataset.image_prefix else name
        paths = [folder / f"{stem}{suffix}" for suffix in self.dataset.image_suffixes]
        return next((path for path in paths if path.is_file()), paths[0])

    def _label_name(self, image: Path) -> str:
        prefix = self.dataset.image_prefix
        return f"{LABEL_PREFIX}{image.stem.removeprefix(prefix)}" if prefix else image.stem


class Roots:
    """The folders of a data set.

    A motion is looked for in the root itself and in those of its folders that are called as the data set's downloads
    are, for example ``UnrealEgoData2_test_rgb``: images and poses each in the first of these that has them.

    Args:
        dataset: names of the data set's files.
        root: folder of the images and, unless ``pose_root`` is given, of the poses.
        pose_root: folder of the poses.

    Raises:
        EgotapError: if a folder is missing or cannot be read.
    """

    def __init__(self, dataset: Dataset, root: Path, pose_root: Path | None = None) -> None:
        self.dataset, self.root, self.pose_root = dataset, root, pose_root or root
        for key, folder in (("data.root", self.root), ("data.pose_root", self.pose_root)):
            if not folder.is_dir():
                raise EgotapError(f"{folder}: no such folder; {key} must be the folder of {dataset.title}'s data")

    @cached_property
    def image_roots(self) -> tuple[Path, ...]:
        """Folders that may have images."""
        return self._roots(self.root)

    @cached_property
    def pose_roots(self) -> tuple[Path, ...]:
        """Folders that may have poses."""
        return self._roots(self.pose_root)

    def motions(self, file: str) -> tuple[Motion, ...]:
        """The motions of a split's list, in its order.

        Args:
            file: name of the list in any of the folders, or a path.

        Raises:
            EgotapError: if the file is missing or empty, or a line is not a motion.
        """
        folders = dict.fromkeys((*self.image_roots, *self.pose_roots))
        path = next((path for folder in folders if (path := folder / file).is_file()), self.root / file)
        if not path.is_file():
            raise EgotapError(
                f"{path}: no such file, nor in a folder {self.dataset.root_prefix}... beside it; name the lists of the "
                f"splits that you have, e.g. data.source.lists.{path.stem}=FILE, or leave a split out with "
                f"'~data.source.lists.{path.stem}'"
            )
        motions: list[Motion] = []
        for n, text in enumerate(read_text(path, UNREALEGO_LIST_BYTES).splitlines(), 1):
            if line := text.strip():
                place = f"{path}, line {n}"
                parts = path_below_root(line, self.dataset.list_prefix, place)
                motions += self.dataset.motions(parts, place, tuple(folders))
        if not motions:
            raise EgotapError(f"{path} names no motion: expected one motion per line")
        return tuple(dict.fromkeys(motions))

    def folders(self, motion: str) -> MotionFolders:
        """The folders of a motion. Of those that do not exist, the place where they are expected."""
        roots = [root for root in self.image_roots if (root / motion / self.dataset.image_folder).is_dir()]
        folder = (*roots, self.root)[0] / motion / self.dataset.image_folder
        left, right = (folder / camera for camera in self.dataset.cameras)
        jsons = [root / motion / self.dataset.json_folder for root in self.pose_roots]
        json_folder = next((path for path in jsons if path.is_dir()), jsons[0])
        return MotionFolders(self.dataset, json_folder, (left, right))

    def _roots(self, root: Path) -> tuple[Path, ...]:
        try:
            inside = sorted(path for path in root.iterdir() if path.name.startswith(self.dataset.root_prefix))
        except OSError as error:
            raise EgotapError(f"{root} cannot be read: {error.strerror or error}") from error
        return (root, *(path for path in inside if path.is_dir()))


def _files(folder: Path, prefix: str, suffixes: tuple[str, ...]) -> list[Path]:
    """Files of a folder whose names have this beginning and one of these endings; none if it does not exist."""
    try:
        names = os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise EgotapError(f"{folder} cannot be read: {error.strerror or error}") from error
    return [folder / name for name in names if name.startswith(prefix) and name.endswith(suffixes) and name[0] != "."]


def _number(path: Path) -> int:
    match = _NUMBER.search(path.stem)
    if match is None:
        raise EgotapError(f"{path}: the name of a frame must end with its number, e.g. frame_12.json")
    return int(match[0])
