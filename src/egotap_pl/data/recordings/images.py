"""Stereo frames as image files."""

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
_FOLDERS = (("left", "right"), ("camera_left", "camera_right"))  # the latter: UnrealEgo's raw release
_NAMED = (re.compile(r"(?P<frame>.+)[_-](?P<side>left|right)"), re.compile(r"(?P<side>left|right)[_-](?P<frame>.+)"))
Files = tuple[Path, ...]
"""Of one frame: its left and its right image, or one with both side by side."""


class StereoImages:
    """Frames as image files, by name and in the order of the numbers in it.

    Args:
        frames: name and files of each frame.
        image_px: side of the images that are asked for.
        num_joints: of the skeleton.
        threads: that decode.
        limit: frames from the beginning to read; None: all.

    Raises:
        EgotapError: if a file is no image, or its shape cannot be used. All headers are read at once.
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
        """See `StereoInput`."""
        with ThreadPoolExecutor(self.threads) as pool:
            for start in range(0, len(self._frames), size):
                frames = self._frames[start : start + size]
                images = np.stack(list(pool.map(self._read, (paths for _, paths in frames))))
                batch = unlabelled(torch.from_numpy(images), self.num_joints, start)
                yield StereoBatch(batch, tuple(name for name, _ in frames), (NO_TIME,) * len(frames))

    def _read(self, paths: Files) -> UInt8[np.ndarray, "v 3 h w"]:
        return views_of([read_image(path, self._sizes[path], RECORDED_IMAGE_BYTES) for path in paths], self.image_px)


def find_frames(paths: Sequence[Path]) -> list[tuple[str, Files]]:
    """Name and files of every frame.

    Args:
        paths: a folder with ``left/`` and ``right/`` (or ``camera_left/`` and ``camera_right/``) that hold files of
            equal names, with ``<frame>_left.*`` and ``<frame>_right.*`` (or the side first), or with images that hold
            both views side by side; or one such image; or two folders or files: left, right.

    Raises:
        EgotapError: if there are no images, or an image of one view has no partner.
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
    for pattern in _NAMED:
        matches = [(match, path) for path in files if (match := pattern.fullmatch(path.stem))]
        if matches:
            left, right = (
                _by_name((match["frame"], path) for match, path in matches if match["side"] == side)
                for side in ("left", "right")
            )
            return _paired(left, right, f"left images of {folder}", f"right images of {folder}")
    return [(path.stem, (path,)) for path in files]


def _by_name(named: Iterable[tuple[str, Path]]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for name, path in named:
        if name in found:
            raise EgotapError(f"{found[name]} and {path} are images of the same name: leave one of them out")
        found[name] = path
    return found


def _paired(left: dict[str, Path], right: dict[str, Path], left_told: str, right_told: str) -> list[tuple[str, Files]]:
    """Frames of images of equal names."""
    if alone := sorted(left.keys() ^ right.keys(), key=_by_number):
        first = left.get(alone[0]) or right[alone[0]]
        raise EgotapError(
            f"{left_told}: {len(left)} images, {right_told}: {len(right)}. Without a partner of the same name: {first}"
            + (f" and {len(alone) - 1} more" if len(alone) > 1 else "")
        )
    return [(name, (left[name], right[name])) for name in sorted(left, key=_by_number)]


def _images(folder: Path) -> list[Path]:
    found = [path for path in folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES and path.is_file()]
    if not found:
        raise EgotapError(f"{folder} holds no images ({', '.join(IMAGE_SUFFIXES)}), no videos and no frame store")
    return sorted(found, key=lambda path: _by_number(path.stem))


def _by_number(name: str) -> list[tuple[int, str]]:
    """Sorts frame_2 before frame_10."""
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
