"""Opens the input of `egotap predict`, whatever it is: a frame store, videos, images or heatmaps."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from egotap_pl.core.errors import EgotapError
from egotap_pl.core.skeleton import Skeleton
from egotap_pl.data.recordings.crop import Crop
from egotap_pl.data.recordings.frames import StereoInput, StoreFrames
from egotap_pl.data.recordings.gaps import Gaps
from egotap_pl.data.recordings.heatmaps import HeatmapFrames, has_heatmaps
from egotap_pl.data.recordings.images import IMAGE_SUFFIXES, StereoImages, find_frames
from egotap_pl.data.recordings.names import BOTH, EXACT, UNDERSTOOD, split_views, visible
from egotap_pl.data.recordings.video import VIDEO_SUFFIXES, StereoVideo
from egotap_pl.data.source import SPLITS
from egotap_pl.data.store.paths import store_path
from egotap_pl.data.store.reader import FrameStore

_STORE_SUFFIXES = (".h5", ".hdf5")


def open_input(
    paths: Sequence[Path],
    split: str,
    skeleton: Skeleton,
    image_px: int,
    threads: int = 1,
    limit: int | None = None,
    pair: str | None = None,
    gaps: Gaps | None = None,
    heatmap_px: int | None = None,
    crop: Crop | None = None,
) -> StereoInput:
    """Finds out what the input is, opens it, and makes the checks that are quick.

    Args:
        paths: a frame store, a folder of prepared data, a folder of images (see `find_frames`), a folder with a
            video of each view, an image or a video with both views side by side, or a file of heatmaps
            (`HeatmapFrames`); or two paths: the left and the right folder, video or image.
        split: split to read, if the input is a folder of prepared data.
        skeleton: skeleton that a store's poses must have.
        image_px: side of the images that the network takes.
        threads: number of threads that decode images.
        limit: number of frames to read, from the beginning; None: all.
        pair: which frames of two videos belong together; see `StereoVideo`.
        gaps: what happens to frames that cannot be read; None: they are errors.
        heatmap_px: side of the heatmaps that the lifter reads; None: files of heatmaps are refused.
        crop: the square to cut out of each view of a recording; None: the whole view.

    Raises:
        EgotapError: if the input is missing, of another kind, or not usable.
    """
    if len(paths) not in (1, 2):
        raise EgotapError(f"input names {len(paths)} files or folders: give input=PATH, or {BOTH}")
    for path in paths:
        if not path.exists():
            raise EgotapError(f"{path}: no such file or folder; give input=PATH, or {BOTH}")
    if len(paths) == 1 and heatmap_px is not None and has_heatmaps(paths[0]):
        _refuse_crop(paths[0], crop)
        return HeatmapFrames(paths[0], skeleton, heatmap_px, limit)
    if path_of_store := _find_store(paths, split):
        _refuse_crop(path_of_store, crop)
        store = FrameStore(path_of_store)
        if store.skeleton != skeleton:
            raise EgotapError(
                f"the checkpoint is for the skeleton {skeleton.name}, but {store.path} has {store.skeleton.name}"
            )
        return StoreFrames(store, image_px, limit)
    if videos := _find_videos(paths):
        return StereoVideo(videos, image_px, skeleton.num_joints, limit, pair, gaps, crop)
    _check_kinds(paths)
    return StereoImages(find_frames(paths, gaps), image_px, skeleton.num_joints, threads, limit, gaps, crop)


def _refuse_crop(path: Path, crop: Crop | None) -> None:
    if crop is not None and crop != Crop():
        raise EgotapError(f"{path} has squares already: leave out crop and rig, which are for images and videos")


def _find_store(paths: Sequence[Path], split: str) -> Path | None:
    """The path of a frame store, if the input is one; in a folder of prepared data, the split may be missing."""
    if len(paths) != 1:
        return None
    (path,) = paths
    if path.is_dir():
        return store_path(path, split) if any(store_path(path, each).is_file() for each in SPLITS) else None
    return path if path.suffix.lower() in _STORE_SUFFIXES else None


def _find_videos(paths: Sequence[Path]) -> list[Path]:
    if all(path.is_file() and path.suffix.lower() in VIDEO_SUFFIXES for path in paths):
        return list(paths)
    if len(paths) != 1 or not paths[0].is_dir():
        return []
    (folder,) = paths
    files = [path for path in visible(folder) if path.is_file() and path.suffix.lower() in VIDEO_SUFFIXES]
    for plain in EXACT:
        exact = [[path for path in files if path.stem == name] for name in plain]
        if all(len(paths_of_view) == 1 for paths_of_view in exact):
            return [exact[0][0], exact[1][0]]
    views = split_views(files)
    if views is None:
        if files and not any(path.is_dir() or path.suffix.lower() in IMAGE_SUFFIXES for path in visible(folder)):
            names = ", ".join(path.name for path in files[:5])
            raise EgotapError(
                f"{folder} contains the videos {names}: a video with both views side by side is given as a file, "
                f"input=FILE, and two videos as {BOTH}. A folder must contain {UNDERSTOOD}"
            )
        return []
    for side, named in (("left", views.left), ("right", views.right)):
        if len(named) != 1:
            names = ", ".join(path.name for _, path in named[:5])
            raise EgotapError(f"{folder} contains {len(named)} videos of the {side} view ({names}): give {BOTH}")
    return [views.left[0][1], views.right[0][1]]


def _check_kinds(paths: Sequence[Path]) -> None:
    for path in paths:
        if path.is_file() and path.suffix.lower() not in IMAGE_SUFFIXES:
            kinds = ", ".join((*IMAGE_SUFFIXES, *VIDEO_SUFFIXES, *_STORE_SUFFIXES, ".npz"))
            raise EgotapError(f"{path} is not of a kind that can be read: must be one of {kinds}")
    if len({path.is_dir() for path in paths}) > 1:
        raise EgotapError(f"input=[{paths[0]},{paths[1]}]: must be two folders, two videos or two images")
