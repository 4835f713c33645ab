"""Where the motions of a frame store are in a tree of these data sets' files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

from egotap_pl.data.store.reader import FrameStore
from egotap_pl.data.unrealego.layout import motion_folder


@runtime_checkable
class Places(Protocol):
    """Places in the tree of a data set."""

    def roots(self, split: str) -> tuple[str, str]:
        """Folders of a split's images and of its poses, relative to the tree's folder."""
        ...

    def motions(self, store: FrameStore) -> list[str]:
        """The folder of each frame's motion, relative to these roots."""
        ...

    def files(self, split: str, store: FrameStore, motions: Sequence[str]) -> Mapping[str, str]:
        """Path and content of the list, and of what else there is besides frames.

        Args:
            split: name of the split.
            store: its frames.
            motions: what `motions` returned for them.
        """
        ...


class UnrealEgo2Places:
    """Images and poses of each split in a folder of their own, ``<prefix>_<split>_rgb`` and ``<prefix>_<split>_pose``.

    Args:
        prefix: beginning of the folders' names.
    """

    def __init__(self, prefix: str = "UnrealEgoData2") -> None:
        self.prefix = prefix

    def roots(self, split: str) -> tuple[str, str]:
        """See `Places`."""
        return f"{self.prefix}_{split}_rgb", f"{self.prefix}_{split}_pose"

    def motions(self, store: FrameStore) -> list[str]:
        """See `Places`: UnrealEgo's six levels of folders."""
        return [motion_folder(store, row) for row in range(len(store))]

    def files(self, split: str, store: FrameStore, motions: Sequence[str]) -> Mapping[str, str]:
        """See `Places`: the list is beside the images."""
        root, _ = self.roots(split)
        return {f"{root}/{split}.txt": "".join(f"./{root}/{motion}\n" for motion in dict.fromkeys(motions))}
