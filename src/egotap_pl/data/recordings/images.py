"""Stereo frames in image files."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8
from PIL import Image

from egotap_pl.core.errors import EgotapError
from egotap_pl.core.limits import RECORDED_IMAGE_BYTES
from egotap_pl.data.recordings.frames import NO_TIME, StereoBatch, check_size, too_large, unlabelled, views_of
from egotap_pl.data.untrusted.readers import read_image

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg")
_FOLDERS = (("left", "right"), ("camera_left", "camera_right"))  # the latter in UnrealEgo's raw release
_NAMES = (re.compile(r"(?P<frame>.+)[_-](?P<side>left|right)"), re.compile(r"(?P<side>left|right)[_-](?P<frame>.+)"))
Files = tuple[Path, ...]
"""The files of one frame: its left and its right image, or one image with both views side by side."""


class StereoImages:
    """Frames in image files, in the order in which they are listed.

    Args:
        frames: name and files of each frame; see `find_frames`.
        image_px: side of the images that the network takes.
        num_joints: number of joints of the skeleton.
        threads: number of threads that decode images.
        limit: number of frames to read, from the beginning; None: all.

    Raises:
        EgotapError: if a file is not an image, or its size cannot be used. All headers are read at once.
    """

    def __init__(
        self,
        frames: Sequence[tuple[str, Files]],
        image_px: int,
        num_joints: int,
        threads: int = 1,
        limit: int | None = None,
    ) -> None:
        self._frames = list(frames)[:limit]
        self.image_px, self.num_joints, self.threads = image_px, num_joints, max(threads, 1)
        self.frames: int | None = len(self._frames)
        with ThreadPoolExecutor(self.threads) as pool:
            files = [path for _, paths in self._frames for path in paths]
            self._sizes = dict(zip(files, pool.map(_size, files), strict=True))
        for _, paths in self._frames:
            for path in paths:
                check_size(path, *self._sizes[path], side_by_side=len(paths) == 1)

    def batches(self, size: int) -> Iterator[StereoBatch]:
        """All frames once; see `StereoInput`."""
        with ThreadPoolExecutor(self.threads) as pool:
            for start in range(0, len(self._frames), size):
                frames = self._frames[start : start + size]
                images = np.stack(list(pool.map(self._read, (paths for _, paths in frames))))
                batch = unlabelled(torch.from_numpy(images), self.num_joints, start)
                yield StereoBatch(batch, tuple(name for name, _ in frames), (NO_TIME,) * len(frames))

    def _read(self, paths: Files) -> UInt8[np.ndarray, "v 3 h w"]:
        return views_of([read_image(path, self._sizes[path], RECORDED_IMAGE_BYTES) for path in paths], self.image_px)


def find_frames(paths: Sequence[Path]) -> list[tuple[str, Files]]:
    """Finds the name and the files of every frame, in the order of the numbers in the names.

    Args:
        paths: two folders or two files, left and right; or a file with both views side by side; or a folder. A folder
            contains ``left/`` and ``right/`` (or ``camera_left/`` and ``camera_right/``) with files of the same names,
            or ``<frame>_left.*`` and ``<frame>_right.*`` (or the side first), or images with both views side by side.

    Raises:
        EgotapError: if there are no images, two images of a view have the same name, or an image has no partner in the
            other view.
    """
    if len(paths) == 2:
        if all(path.is_file() for path in paths):
            return [(paths[0].stem, (paths[0], paths[1]))]
        left, right = (_by_name((path.stem, path) for path in _images(folder)) for folder in paths)
        return _paired(left, right, *map(str, paths))
    (path,) = paths
    if path.is_file():
        return [(path.stem, (path,))]
    for names in _FOLDERS:
        sides = [path / name for name in names]
        if all(side.is_dir() for side in sides):
            return find_frames(sides)
    return _in_one_folder(path)


def _in_one_folder(folder: Path) -> list[tuple[str, Files]]:
    files = _images(folder)
    for pattern in _NAMES:
        matches = [(match, path) for path in files if (match := pattern.fullmatch(path.stem))]
        if matches:
            left, right = (
                _by_name((match["frame"], path) for match, path in matches if match["side"] == side)
                for side in ("left", "right")
            )
            return _paired(left, right, f"left images of {folder}", f"right images of {folder}")
    return [(path.stem, (path,)) for path in files]


def _by_name(named: Iterable[tuple[str, Path]]) -> dict[str, Path]:
    paths: dict[str, Path] = {}
    for name, path in named:
        if name in paths:
            raise EgotapError(f"{paths[name]} and {path} are images of the same name: remove one of them")
        paths[name] = path
    return paths


def _paired(
    left: dict[str, Path], right: dict[str, Path], left_place: str, right_place: str
) -> list[tuple[str, Files]]:
    """Frames made of images with the same name in both views; the places are for messages."""
    if unpaired := sorted(left.keys() ^ right.keys(), key=_by_number):
        first = left.get(unpaired[0]) or right[unpaired[0]]
        raise EgotapError(
            f"{left_place}: {len(left)} images, {right_place}: {len(right)}. Without a partner of the same name: "
            f"{first}" + (f" and {len(unpaired) - 1} more" if len(unpaired) > 1 else "")
        )
    return [(name, (left[name], right[name])) for name in sorted(left, key=_by_number)]


def _images(folder: Path) -> list[Path]:
    paths = [path for path in folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES and path.is_file()]
    if not paths:
        raise EgotapError(f"{folder} contains no images ({', '.join(IMAGE_SUFFIXES)}), no videos and no frame store")
    return sorted(paths, key=lambda path: _by_number(path.stem))


def _by_number(name: str) -> list[tuple[int, str]]:
    """A key that sorts frame_2 before frame_10."""
    parts = re.split(r"(\d+)", name)
    return [(int(part), "") if k % 2 else (0, part) for k, part in enumerate(parts)]


def _size(path: Path) -> tuple[int, int]:
    try:
        with Image.open(path, formats=("PNG", "JPEG")) as image:
            return image.size
    except Image.DecompressionBombError as error:
        raise too_large(path, "very large") from error
    except (OSError, SyntaxError, ValueError) as error:
        raise EgotapError(f"{path} cannot be read as a PNG or JPEG image: {error}") from error
