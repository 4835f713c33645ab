"""Draws frames of a frame store with their labels and target heatmaps, so that a reader of data is checked by eye."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from egotap_pl.core.atomic import atomic
from egotap_pl.core.evenly import evenly
from egotap_pl.core.heatmap import joint_heatmaps, limb_heatmaps
from egotap_pl.core.known import is_known
from egotap_pl.data.store.paths import store_path
from egotap_pl.data.store.reader import FrameStore
from egotap_pl.figures.labels import LabelledFrame, labels_figure
from egotap_pl.tasks.heatmap_sources import IMAGE_TO_MAP
from egotap_pl.tasks.targets import left_view_cm

MOST_FRAMES = 40
"""Largest number of frames in a picture."""
_LIMB_FRAMES = 500  # the median limb is that of as many frames
_NAME = 28  # characters beside a row
_DPI = 100


def show(folder: Path, split: str, frames: int, output: Path) -> list[str]:
    """Draw frames of a split, evenly spread, into a PNG file.

    Args:
        folder: folder of the prepared data.
        split: name of the split.
        frames: number of frames.
        output: the file.

    Returns:
        What the picture cannot show, in lines: numbers of frames and categories, lengths of limbs, unknown joints.

    Raises:
        EgotapError: if the store is missing or damaged.
    """
    store = FrameStore(store_path(folder, split))
    figure = labels_figure(labelled_frames(store, evenly(frames, len(store))), store.skeleton)
    output.parent.mkdir(parents=True, exist_ok=True)
    with atomic(output) as temporary:
        figure.savefig(temporary, dpi=_DPI, format="png")
    return list(_facts(store))


def labelled_frames(store: FrameStore, rows: list[int]) -> list[LabelledFrame]:
    """Frames of a store with their target heatmaps, at the size that estimators have.

    Args:
        store: the store.
        rows: rows of the store.
    """
    batch, names, side = store.read(rows), store.name_frames(rows), max(store.image_px // IMAGE_TO_MAP, 1)
    points_cm = left_view_cm(batch)
    projected_px, _ = store.rig.project(points_cm)
    joints = joint_heatmaps(batch.points2d_px, store.skeleton, side)
    limbs = limb_heatmaps(batch.points2d_px, points_cm, store.skeleton, side)
    return [
        LabelledFrame(
            title=f"{_short(names.category[k])}\n{_short(names.motion[k])}\nframe {names.frame_number[k]}",
            images=batch.images[k].numpy(),
            points2d_px=batch.points2d_px[k].numpy(),
            projected_px=projected_px[k].numpy(),
            visibility=batch.visibility[k].numpy(),
            joint_heatmaps=joints[k].numpy(),
            limb_heatmaps=limbs[k].numpy(),
            pose_cm=batch.pose_cm[k].numpy(),
        )
        for k in range(len(rows))
    ]


def _short(name: str) -> str:
    """The end of a name, where the names of motions differ."""
    return name if len(name) <= _NAME else f"...{name[3 - _NAME :]}"


def _facts(store: FrameStore) -> Iterator[str]:
    skeleton, labels = store.skeleton, store.labels
    categories = np.bincount(labels["category"].numpy(), minlength=len(store.categories))
    listed = ", ".join(f"{name} {number}" for name, number in zip(store.categories, categories, strict=True) if number)
    yield f"{store.split}: {len(store)} frames of {store.image_px} px, skeleton {skeleton.name}, rig {store.rig.name}"
    yield f"categories  {listed}"
    pose_cm = labels["pose_cm"][evenly(_LIMB_FRAMES, len(store))]
    child, parent = (list(ends) for ends in zip(*skeleton.limbs, strict=True))
    length_cm = (pose_cm[:, child] - pose_cm[:, parent]).norm(dim=-1)
    lengths = zip(child, length_cm.nanmedian(0).values.tolist(), strict=True)
    yield "median limb (cm), joint to parent  " + ", ".join(f"{skeleton.joints[j]} {cm:.3g}" for j, cm in lengths)
    unknown = 1 - torch.stack((is_known(labels["pose_cm"]), *is_known(labels["points2d_px"]).unbind(1))).double().mean(
        1
    )
    for where, shares in zip(("in space", "in the left view", "in the right view"), unknown.tolist(), strict=True):
        parts = [f"{name} {share:.0%}" for name, share in zip(skeleton.joints, shares, strict=True) if share]
        yield f"not known {where}  " + (", ".join(parts) or "none")
