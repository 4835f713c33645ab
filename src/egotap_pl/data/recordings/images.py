"""Stereo frames in image files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import UInt8
from PIL import Image

from egotap_pl.core.camera import StereoRig
from egotap_pl.core.errors import EgotapError
from egotap_pl.core.limits import RECORDED_IMAGE_BYTES
from egotap_pl.core.messages import say
from egotap_pl.data.recordings.crop import Crop
from egotap_pl.data.recordings.frames import (
    StereoBatch,
    check_size,
    say_if_halved,
    too_large,
    unlabelled,
    view_size,
    views_of,
)
from egotap_pl.data.recordings.gaps import Gaps
from egotap_pl.data.recordings.names import (
    UNDERSTOOD,
    Views,
    check_partners,
    name_views,
    pair_up,
    side_folders,
    split_views,
    visible,
)
from egotap_pl.data.recordings.photographs import MODES, upright_rgb, upright_size
from egotap_pl.data.recordings.strangers import say_if_strange
from egotap_pl.data.untrusted.readers import read_image

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg")
SOFTWARE = "egotap"
"""What pictures that this program draws name as their software. They are no frames of a recording."""
_GREY = ("L", "LA", "1", "I", "I;16", "I;16B")
Files = tuple[Path, ...]
"""The files of one frame: its left and its right image, or one image with both views side by side."""


class StereoFiles(NamedTuple):
    """A frame of a recording in image files."""

    name: str
    """Name of the frame: that of its images without side and ending."""

    files: Files
    """Its files."""

    missing: str = ""
    """What is missing, if the frame is not complete."""


class _Header(NamedTuple):
    """What an image's header says."""

    stored: tuple[int, int]
    """Width and height of the stored pixels."""

    upright: tuple[int, int]
    """The same once the image is turned upright."""

    mode: str
    """Pillow's name of the kind of pixels, e.g. ``RGB``."""

    @property
    def form(self) -> str:
        """Size and mode in words. How pixels are stored, for example with a palette, does not matter."""
        width, height = self.upright
        return f"{width} x {height} px{', grey' if self.mode in _GREY else ''}"


class StereoImages:
    """Frames in image files, in the order in which they are listed.

    Args:
        frames: the frames; see `find_frames`.
        image_px: side of the images that the network takes.
        num_joints: number of joints of the skeleton.
        threads: number of threads that decode images.
        limit: number of frames to read, from the beginning; None: all.
        gaps: what happens to frames that cannot be read; None: they are errors.
        crop: the square to cut out of each view; None: the whole view.

    Raises:
        EgotapError: if a file is not an image, or its size cannot be used. All headers are read at once.
    """

    def __init__(
        self,
        frames: Sequence[StereoFiles],
        image_px: int,
        num_joints: int,
        threads: int = 1,
        limit: int | None = None,
        gaps: Gaps | None = None,
        crop: Crop | None = None,
    ) -> None:
        self._frames = list(frames)[:limit]
        self.image_px, self.num_joints, self.threads = image_px, num_joints, max(threads, 1)
        self.gaps, self.crop = gaps or Gaps(), crop or Crop()
        self.paths = tuple(path for frame in self._frames for path in frame.files)
        self.frames: int | None = len(self._frames)
        self.rate: float | None = None
        self._headers: dict[Path, _Header] = {}
        with ThreadPoolExecutor(self.threads) as pool:
            headers = dict(zip(self.paths, pool.map(_header, self.paths), strict=True))
        for number, (_, paths, missing) in enumerate(self._frames):
            failures = [header for path in paths if isinstance(header := headers[path], EgotapError)]
            if missing or failures:
                self.gaps.add(number, failures[0] if failures else EgotapError(missing))
        for path, header in headers.items():
            if isinstance(header, _Header):
                self._headers[path] = header
        firsts = [(name, paths[0]) for name, paths, _ in self._frames]
        say_if_strange(firsts, {path: header.form for path, header in self._headers.items()})
        self.rig: StereoRig | None = None
        for _, paths, missing in self._frames:
            for path in paths:
                if path in self._headers:
                    side_by_side = len(paths) == 1 and not missing
                    check_size(path, *self._headers[path].upright, side_by_side, self.crop)
                    if side_by_side and path == self.paths[0]:
                        say_if_halved(path, self._headers[path].upright, self.crop)
                    self.rig = self.rig or self.crop.seen_rig(view_size(self._headers[path].upright, side_by_side))

    def batches(self, size: int) -> Iterator[StereoBatch]:
        """All frames once; see `StereoInput`."""
        with ThreadPoolExecutor(self.threads) as pool:
            for start in range(0, len(self._frames), size):
                numbers = [k for k in range(start, min(start + size, len(self._frames))) if k not in self.gaps]
                images = dict(zip(numbers, pool.map(self._read, numbers), strict=True))
                for number, views in images.items():
                    if isinstance(views, EgotapError):
                        self.gaps.add(number, views)
                complete = {number: views for number, views in images.items() if isinstance(views, np.ndarray)}
                if complete:
                    stacked = torch.from_numpy(np.stack(list(complete.values())))
                    names = tuple(self._frames[number].name for number in complete)
                    yield StereoBatch.untimed(unlabelled(stacked, self.num_joints, list(complete)), names)

    def _read(self, number: int) -> UInt8[np.ndarray, "v 3 h w"] | EgotapError:
        try:
            return views_of([self._decode(path) for path in self._frames[number].files], self.image_px, self.crop)
        except EgotapError as error:
            return error

    def _decode(self, path: Path) -> Image.Image:
        header = self._headers[path]
        image = read_image(path, header.stored, RECORDED_IMAGE_BYTES, MODES, upright_rgb)
        if image.size != header.upright:
            raise EgotapError(f"{path} is turned by EXIF data that stand behind its pixels: save it upright")
        return image


def find_frames(paths: Sequence[Path], gaps: Gaps | None = None) -> list[StereoFiles]:
    """Finds the name and the files of every frame, in the order of the numbers in the names.

    Args:
        paths: two folders or two files, left and right; or a file with both views side by side; or a folder. A folder
            contains folders of both views or images of both, whose names say so (`names.UNDERSTOOD`), or images with
            both views side by side.
        gaps: what happens to frames without an image of one view; None: they are errors.

    Raises:
        EgotapError: if there are no images, two images of a view have the same name, or an image has no partner in the
            other view.
    """
    gaps = gaps or Gaps()
    if len(paths) == 2:
        if all(path.is_file() for path in paths):
            return [StereoFiles(paths[0].stem, (paths[0], paths[1]))]
        return _paired(name_views(*map(_images, paths)), str(paths[0]), str(paths[1]), gaps)
    (path,) = paths
    if path.is_file():
        return [StereoFiles(path.stem, (path,))]
    if sides := side_folders(path):
        return find_frames(sides, gaps)
    files = _images(path)
    views = split_views(files)
    if views is None:
        return [StereoFiles(file.stem, (file,)) for file in files if not _is_own(file)]
    if others := [file.name for file in views.others if not _is_own(file)]:
        say(f"{path}: {len(others)} images are of neither view by their names, and are not read: {_some(others)}")
    return _paired(views, f"left images of {path}", f"right images of {path}", gaps)


def _paired(views: Views, left_place: str, right_place: str, gaps: Gaps) -> list[StereoFiles]:
    """Frames with an image of both views; the places are for messages."""
    pairs = pair_up(views)
    if not gaps.skip:
        check_partners(pairs, left_place, right_place)
    frames = []
    for name, left, right in pairs:
        if left is not None and right is not None:
            frames.append(StereoFiles(name, (left, right)))
        elif (alone := left or right) is not None:
            side = "right" if right is None else "left"
            frames.append(StereoFiles(name, (alone,), f"{alone} has no {side} image of the same name or number"))
    return frames


def _images(folder: Path) -> list[Path]:
    paths = [path for path in visible(folder) if path.suffix.lower() in IMAGE_SUFFIXES and path.is_file()]
    if not paths:
        folders = [path.name for path in visible(folder) if path.is_dir()]
        has = f"; its folders are {_some(folders)}" if folders else ""
        raise EgotapError(
            f"{folder} contains no images ({', '.join(IMAGE_SUFFIXES)}), no videos and no frame store{has}. A folder "
            f"must contain {UNDERSTOOD}"
        )
    return paths


def _is_own(path: Path) -> bool:
    """Whether this program drew a picture, for instance with ``pictures=3`` at an earlier time."""
    try:
        with Image.open(path, formats=("PNG", "JPEG")) as image:
            return str(image.info.get("Software", "")).startswith(SOFTWARE)
    except Exception:  # damaged: its header is read again, for a message
        return False


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (" ..." if len(names) > 5 else "")


def _header(path: Path) -> _Header | EgotapError:
    try:
        with Image.open(path, formats=("PNG", "JPEG")) as image:
            return _Header(image.size, upright_size(image), image.mode)
    except Image.DecompressionBombError:
        return too_large(path, "very large")
    except (OSError, SyntaxError, ValueError) as error:
        return EgotapError(f"{path} cannot be read as a PNG or JPEG image: {error}")
