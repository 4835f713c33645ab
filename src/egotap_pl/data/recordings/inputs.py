"""What `egotap predict` takes as its input, told from what lies at a path."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from egotap_pl.core.errors import EgotapError
from egotap_pl.core.skeleton import Skeleton
from egotap_pl.data.preparation.prepare import store_path
from egotap_pl.data.recordings.frames import StereoInput, StoreFrames
from egotap_pl.data.recordings.images import IMAGE_SUFFIXES, StereoImages, find_frames
from egotap_pl.data.recordings.video import VIDEO_SUFFIXES, StereoVideo
from egotap_pl.data.store.reader import FrameStore

_STORE_SUFFIXES = (".h5", ".hdf5")


def open_input(
    paths: Sequence[Path],
    split: str,
    skeleton: Skeleton,
    image_px: int,
    threads: int = 1,
    limit: int | None = None,
) -> StereoInput:
    """Find out what the input is, and check it as far as that is quick.

    Args:
        paths: a frame store's file, the folder of a prepared data set, a folder of images (see `find_frames`), a folder
            with ``left.*`` and ``right.*`` videos, an image or a video with both views side by side; or two: the left
            and the right folder, video or image.
        split: taken of a prepared data set.
        skeleton: a store's poses must have it.
        image_px: side of the images that are asked for.
        threads: that decode image files.
        limit: frames from the beginning to read; None: all.

    Raises:
        EgotapError: if the input is missing, none of these, or not usable.
    """
    if len(paths) not in (1, 2):
        raise EgotapError(f"input names {len(paths)} files or folders: give one, or two: input=[LEFT,RIGHT]")
    for path in paths:
        if not path.exists():
            raise EgotapError(f"{path}: no such file or folder; give input=PATH, or input=[LEFT,RIGHT]")
    if store := _find_store(paths, split):
        frames = FrameStore(store)
        if frames.skeleton != skeleton:
            raise EgotapError(f"the checkpoint is for the skeleton {skeleton.name}, {store} has {frames.skeleton.name}")
        return StoreFrames(frames, image_px, limit)
    if videos := _find_videos(paths):
        return StereoVideo(videos, image_px, skeleton.num_joints, limit)
    _check_kinds(paths)
    return StereoImages(find_frames(paths), image_px, skeleton.num_joints, threads, limit)


def _find_store(paths: Sequence[Path], split: str) -> Path | None:
    """The file of a frame store; a prepared folder that lacks the split is one all the same."""
    if len(paths) != 1:
        return None
    (path,) = paths
    if path.is_dir():
        return store_path(path, split) if any(path.glob("*.h5")) else None
    return path if path.suffix.lower() in _STORE_SUFFIXES else None


def _find_videos(paths: Sequence[Path]) -> list[Path]:
    if all(path.is_file() and path.suffix.lower() in VIDEO_SUFFIXES for path in paths):
        return list(paths)
    if len(paths) != 1:
        return []
    found = {
        side: [path for path in sorted(paths[0].glob(f"{side}.*")) if path.suffix.lower() in VIDEO_SUFFIXES]
        for side in ("left", "right")
    }
    if not any(found.values()):
        return []
    for side, videos in found.items():
        if len(videos) != 1:
            raise EgotapError(f"{paths[0]} holds {len(videos)} videos named {side}.*: expected one for each view")
    return [videos[0] for videos in found.values()]


def _check_kinds(paths: Sequence[Path]) -> None:
    for path in paths:
        if path.is_file() and path.suffix.lower() not in IMAGE_SUFFIXES:
            kinds = ", ".join((*IMAGE_SUFFIXES, *VIDEO_SUFFIXES, *_STORE_SUFFIXES))
            raise EgotapError(f"{path} is no file of a kind that can be read: {kinds}")
    if len({path.is_dir() for path in paths}) > 1:
        raise EgotapError(f"input=[{paths[0]},{paths[1]}]: give two folders, two videos or two images")
