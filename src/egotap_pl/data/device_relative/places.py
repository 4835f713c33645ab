"""Where the motions of a frame store are in a tree of these data sets' files."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

import numpy as np

from egotap_pl.data.device_relative.device import device_to_views, left_to_right
from egotap_pl.data.device_relative.ego4view_rw import Ego4ViewRW
from egotap_pl.data.preparation.trees import safe_name
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


class Ego4ViewSynPlaces:
    """``<character>/<sequence>``, with sequences 1001, 1002 ...; the lists name characters."""

    def roots(self, split: str) -> tuple[str, str]:
        """See `Places`: the tree itself."""
        return "", ""

    def motions(self, store: FrameStore) -> list[str]:
        """See `Places`."""
        places = _Numbered(1001)
        return [f"{safe_name(subject)}/{places.number(subject, motion)}" for subject, motion in _named(store)]

    def files(self, split: str, store: FrameStore, motions: Sequence[str]) -> Mapping[str, str]:
        """See `Places`: the list."""
        return {f"{split}.txt": "".join(f"{motion.split('/')[0]}\n" for motion in dict.fromkeys(motions))}


class Ego4ViewRWPlaces:
    """``<date>/<subject>/<sequence>``, with subjects S1, S2 ... and sequences seq_1-0, seq_2-0 ...

    Args:
        date: the date, which stores do not have.
    """

    def __init__(self, date: str = "2024_01_01") -> None:
        self.date, self.people, self.sequences = date, _Numbered(1), _Numbered(1)

    def roots(self, split: str) -> tuple[str, str]:
        """See `Places`: the tree itself."""
        return "", ""

    def motions(self, store: FrameStore) -> list[str]:
        """See `Places`."""
        return [
            f"{self.date}/S{self.people.number('', subject)}/seq_{self.sequences.number(subject, motion)}-0"
            for subject, motion in _named(store)
        ]

    def files(self, split: str, store: FrameStore, motions: Sequence[str]) -> Mapping[str, str]:
        """See `Places`: the list, and the transforms of every sequence from the headset to the cameras, in metres."""
        matrices = {}
        for camera, transform in zip(Ego4ViewRW.cameras, device_to_views(left_to_right(store.rig)), strict=True):
            matrix = np.eye(4)
            matrix[:3, :3], matrix[:3, 3] = transform.rotation, transform.translation_cm / 100
            matrices[f"device_to_{camera}"] = matrix.tolist()
        metadata = json.dumps({"coord_transformation_matrix": matrices})
        motions = list(dict.fromkeys(motions))
        lists = {f"{split}.txt": "".join(f"{motion}\n" for motion in motions)}
        return lists | {f"{motion.removesuffix('-0')}_metadata.json": metadata for motion in motions}


class _Numbered:
    """Numbers for names, within groups of their own, in the order in which they are asked for."""

    def __init__(self, first: int) -> None:
        self.first = first
        self.groups: dict[str, dict[str, int]] = {}

    def number(self, group: str, name: str) -> int:
        """The number of a name."""
        numbers = self.groups.setdefault(group, {})
        return numbers.setdefault(name, self.first + len(numbers))


def _named(store: FrameStore) -> list[tuple[str, str]]:
    """Subject and motion of every frame."""
    names = store.name_frames(range(len(store)))
    return list(zip(names.subject, names.motion, strict=True))
