"""The frame store's format, as docs/frame-store.md tells it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np
from jaxtyping import Bool

from egotap_pl.core.batch import Visibility
from egotap_pl.core.camera import StereoRig
from egotap_pl.core.errors import EgotapError
from egotap_pl.core.limits import VIEW_PX
from egotap_pl.core.plain_json import parse_json, skeleton_from, typed, typed_list
from egotap_pl.core.skeleton import Skeleton
from egotap_pl.data.store.codec import VIEWS, Codec, codec_from

FORMAT = "egotap-frames"
SCHEMA_VERSION = 1
METADATA = "metadata"
SKIPPED = "skipped"
"""Frames left out, one JSON object each; there is no such dataset where there are none."""
FIT_RESIDUAL = "fit_residual_px"
"""Only where 2D points and origins were recovered by a fit."""
NAMES = ("subject", "motion")
"""Columns of indices into a list of names of their own, ``names/<column>``."""
TEXT = h5py.string_dtype("utf-8")
LABEL_LIMIT = 1e7
"""Of a label's size, cm or px: 100 km, or ten thousand times the frame. Beyond it a file is damaged."""


def label_columns(num_joints: int) -> dict[str, tuple[type[np.generic], tuple[int, ...]]]:
    """Type and shape of a row of every dataset but ``images``."""
    return {
        "points2d_px": (np.float32, (VIEWS, num_joints, 2)),
        "pose_cm": (np.float32, (num_joints, 3)),
        "origin_cm": (np.float32, (VIEWS, 3)),
        "visibility": (np.uint8, (VIEWS, num_joints)),
        "category": (np.int32, ()),
        "subject": (np.int32, ()),
        "motion": (np.int32, ()),
        "frame_number": (np.int64, ()),
    }


def check_labels(labels: Mapping[str, np.ndarray], counts: Mapping[str, int]) -> None:
    """Refuse labels that cannot be right, whoever wrote them.

    A point may be NaN: a source may not know where a view shows a joint. A pose and an origin may not.

    Args:
        labels: columns by name; see `label_columns`.
        counts: how many there are of what a column counts: names of categories, subjects and motions.

    Raises:
        ValueError: names the column and its first frame that is wrong.
    """
    for column, count in (*counts.items(), ("visibility", len(Visibility))):
        values = labels[column]
        if values.size and not 0 <= values.min() <= values.max() < count:
            row = _first(~((values >= 0) & (values < count)))
            raise ValueError(f"{column} of frame {row} is not within 0 to {count - 1}")
    for column in ("pose_cm", "origin_cm"):
        values = labels[column]
        if values.size and not -LABEL_LIMIT <= values.min() <= values.max() <= LABEL_LIMIT:  # NaN is not, either
            row = _first(~(np.abs(values) <= LABEL_LIMIT))
            raise ValueError(f"{column} of frame {row} is not finite or absurdly large")
    points = labels["points2d_px"]
    if points.size and max(np.fmax.reduce(points, None), -np.fmin.reduce(points, None)) > LABEL_LIMIT:
        raise ValueError(f"points2d_px of frame {_first(np.abs(points) > LABEL_LIMIT)} is infinite or absurdly large")


def _first(wrong: Bool[np.ndarray, "n *label"]) -> int:
    """The first row with anything wrong."""
    return int(np.argwhere(wrong)[0][0])


def fingerprint_of(identity: dict[str, Any], codec: Codec) -> str:
    """SHA-256 over what determines a store's contents: equal on every machine, free of paths and times."""
    content = {"format": FORMAT, "version": SCHEMA_VERSION, "source": identity, "codec": codec.settings}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class StoreHeader:
    """What a store says about all its frames.

    Args:
        split: name of the split.
        skeleton: joints of the poses.
        rig: the cameras.
        image_px: height and width of the images.
        categories: names of the motion categories, in their numbers' order.
        codec: how the images are stored.
        source: identity of the source (`egotap_pl.data.source.Source.identity`).
        package_version: version of this package that wrote the store.
        skipped: frames of the source that are not in the store.

    Raises:
        EgotapError: if images of this size cannot be stored.
    """

    split: str
    skeleton: Skeleton
    rig: StereoRig
    image_px: int
    categories: tuple[str, ...]
    codec: Codec
    source: dict[str, Any]
    package_version: str
    skipped: int = 0

    def __post_init__(self) -> None:
        if not 1 <= self.image_px <= VIEW_PX:
            raise EgotapError(f"image_px={self.image_px} is not within 1 to {VIEW_PX}: choose a size that is")

    @property
    def fingerprint(self) -> str:
        """See `fingerprint_of`."""
        return fingerprint_of(self.source, self.codec)

    def to_json(self) -> str:
        """The store's dataset ``metadata``."""
        content = {
            "split": self.split,
            "skeleton": self.skeleton.to_dict(),
            "rig": self.rig.to_dict(),
            "image_px": self.image_px,
            "categories": self.categories,
            "codec": self.codec.settings,
            "source": self.source,
            "package_version": self.package_version,
            "skipped": self.skipped,
            "fingerprint": self.fingerprint,
        }
        return json.dumps(content, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> StoreHeader:
        """Read back what `to_json` wrote.

        Raises:
            EgotapError, KeyError, TypeError, ValueError: if it is something else.
        """
        content = parse_json(text)
        header = cls(
            split=typed(content, "split", str),
            skeleton=skeleton_from(typed(content, "skeleton", dict)),
            rig=StereoRig.from_dict(typed(content, "rig", dict)),
            image_px=typed(content, "image_px", int),
            categories=typed_list(content, "categories", str),
            codec=codec_from(typed(content, "codec", dict)),
            source=typed(content, "source", dict),
            package_version=typed(content, "package_version", str),
            skipped=typed(content, "skipped", int),
        )
        if header.fingerprint != content.get("fingerprint"):
            raise ValueError("the fingerprint does not belong to the source and codec beside it")
        return header
