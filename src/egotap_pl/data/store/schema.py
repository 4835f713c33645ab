"""The format of frame stores, as described in docs/frame-store.md."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool

from egotap_pl.core.batch import NUM_VIEWS, Visibility
from egotap_pl.core.camera import StereoRig
from egotap_pl.core.errors import EgotapError
from egotap_pl.core.limits import VIEW_PX
from egotap_pl.core.plain_json import parse_json, skeleton_from, typed, typed_list
from egotap_pl.core.skeleton import Skeleton
from egotap_pl.data.store.codec import Codec, codec_from

FORMAT = "egotap-frames"
SCHEMA_VERSION = 1
METADATA = "metadata"
SKIPPED = "skipped"
"""Dataset of the skipped frames, a JSON object each; absent if there are none."""
FIT_RESIDUAL = "fit_residual_px"
"""Dataset that exists only if 2D points and origins were recovered by a fit."""
NAMES = ("subject", "motion")
"""Columns of indices into the lists of names ``names/<column>``."""
LABEL_LIMIT = 1e7
"""Largest size of a label, cm or px: 100 km, or ten thousand times the frame. Anything larger is damage."""


def label_columns(num_joints: int) -> dict[str, tuple[type[np.generic], tuple[int, ...]]]:
    """Type and shape of a row of every dataset but ``images``."""
    return {
        "points2d_px": (np.float32, (NUM_VIEWS, num_joints, 2)),
        "pose_cm": (np.float32, (num_joints, 3)),
        "origin_cm": (np.float32, (NUM_VIEWS, 3)),
        "visibility": (np.uint8, (NUM_VIEWS, num_joints)),
        "category": (np.int32, ()),
        "subject": (np.int32, ()),
        "motion": (np.int32, ()),
        "frame_number": (np.int64, ()),
    }


def check_labels(labels: Mapping[str, np.ndarray], counts: Mapping[str, int]) -> None:
    """Refuses labels that cannot be right, whoever wrote them.

    Points and poses may be NaN, because a source may not know where a joint is, or where a view shows it. Origins may
    not.

    Args:
        labels: columns by name; see `label_columns`.
        counts: number of names that each column of indices refers to.

    Raises:
        ValueError: names the column and the first frame that is wrong.
    """
    for column, count in (*counts.items(), ("visibility", len(Visibility))):
        values = labels[column]
        if values.size and not 0 <= values.min() <= values.max() < count:
            row = _first(~((values >= 0) & (values < count)))
            raise ValueError(f"{column} of frame {row} is not within 0 to {count - 1}")
    origins = labels["origin_cm"]
    if origins.size and not -LABEL_LIMIT <= origins.min() <= origins.max() <= LABEL_LIMIT:  # false for NaN, too
        row = _first(~(np.abs(origins) <= LABEL_LIMIT))
        raise ValueError(f"origin_cm of frame {row} is not finite or absurdly large")
    for column in ("pose_cm", "points2d_px"):
        values = labels[column]
        if values.size and max(np.fmax.reduce(values, None), -np.fmin.reduce(values, None)) > LABEL_LIMIT:
            raise ValueError(f"{column} of frame {_first(np.abs(values) > LABEL_LIMIT)} is infinite or absurdly large")


def _first(wrong: Bool[np.ndarray, "n *label"]) -> int:
    """The first row in which anything is wrong."""
    return int(np.argwhere(wrong)[0][0])


def fingerprint_of(identity: dict[str, Any], codec: Codec) -> str:
    """SHA-256 of everything that determines a store's contents. It is equal on every machine.

    Args:
        identity: identity of the source (`egotap_pl.data.source.Source.identity`).
        codec: how images are stored.
    """
    content = {"format": FORMAT, "version": SCHEMA_VERSION, "source": identity, "codec": codec.settings}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class StoreHeader:
    """What a store says about all its frames.

    Raises:
        EgotapError: if images of this size cannot be stored.
    """

    split: str
    """Name of the split."""

    skeleton: Skeleton
    """Skeleton of the poses."""

    rig: StereoRig
    """The two cameras."""

    image_px: int
    """Height and width of the images."""

    categories: tuple[str, ...]
    """Names of the motion categories, in the order of their numbers."""

    codec: Codec
    """How images are stored."""

    source: dict[str, Any]
    """Identity of the source (`egotap_pl.data.source.Source.identity`)."""

    package_version: str
    """Version of this package that wrote the store."""

    skipped: int = 0
    """Number of frames that the source has and the store does not."""

    def __post_init__(self) -> None:
        if not 1 <= self.image_px <= VIEW_PX:
            raise EgotapError(f"image_px must be within 1 to {VIEW_PX}, not {self.image_px}")

    @property
    def fingerprint(self) -> str:
        """SHA-256 of everything that determines the store's contents; see `fingerprint_of`."""
        return fingerprint_of(self.source, self.codec)

    def to_json(self) -> str:
        """The text of the dataset ``metadata``."""
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
        """Reads what `to_json` wrote.

        Raises:
            EgotapError: if a value is out of range.
            KeyError: if the rig or the skeleton lacks a key.
            TypeError: if a value has another type.
            ValueError: if the text is anything else.
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
