"""Signs that a source gives something other than `Frames` asks for: poses without joints, another unit, swapped views.

They are doubts, not errors: bodies may be tiny and rigs odd. Each is a sentence with the numbers and the remedy.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from egotap_pl.core.evenly import evenly
from egotap_pl.core.known import is_known
from egotap_pl.data.source import Frames, SkippedFrame
from egotap_pl.data.store.reader import FrameStore

NO_JOINT = "no joint of its pose is known"
"""Reason of frames that `with_known_joints` skips."""
SHORTEST_CM, LONGEST_CM = 2.5, 80.0
"""A median limb outside is doubted. A body's is about 25 cm: 0.25 in metres, 250 in millimetres."""
_SWAPPED = 0.5  # views are doubted if points are closer than this to the other view's, relative to their own
_CLOSE_PX = 8.0  # unless they are close to their own: half a heatmap pixel, of 1024
_FRAMES = 500  # at most, evenly spread


def with_known_joints(frames: Frames, estimated: tuple[int, ...]) -> Frames:
    """Frames without those in which no estimated joint is known; these are named among the skipped ones.

    Args:
        frames: what a source has read.
        estimated: indices of the estimated joints (`Skeleton.estimated`).
    """
    known = is_known(torch.from_numpy(frames.pose_cm))[:, list(estimated)].any(-1).numpy()
    if known.all():
        return frames
    skipped = tuple(
        SkippedFrame(motion, int(number), "", NO_JOINT, damaged=False)
        for motion, number, kept in zip(frames.motion, frames.frame_number, known, strict=True)
        if not kept
    )
    columns: dict[str, Any] = {
        name: [value for value, kept in zip(column, known, strict=True) if kept]
        if name in ("category", "subject", "motion")
        else column[known]
        for name, column in frames._asdict().items()
        if name != "skipped" and column is not None
    }
    return frames._replace(**columns, skipped=(*frames.skipped, *skipped))


def doubts(store: FrameStore, source: str) -> tuple[str, ...]:
    """What is doubtful about a store, a sentence each.

    Args:
        store: the split that was prepared.
        source: name of its source.
    """
    return (*_unknown(store, source), *_unit(store, source), *_views(store, source))


def _unknown(store: FrameStore, source: str) -> Iterator[str]:
    number = sum(frame.frames for frame in store.skipped if frame.reason == NO_JOINT)
    if number:
        yield (
            f"{store.split}: in {number} of {len(store) + number} frames of {source} no joint is known (pose_cm is NaN "
            "throughout); they are skipped. If their joints are known, correct read() of the source"
        )


def _unit(store: FrameStore, source: str) -> Iterator[str]:
    pose_cm = store.labels["pose_cm"][evenly(_FRAMES, len(store))]
    limbs = [(c, p) for c, p in store.skeleton.limbs if {c, p} <= set(store.skeleton.estimated)]
    if not limbs:
        return
    child, parent = (list(ends) for ends in zip(*limbs, strict=True))
    length_cm = float((pose_cm[:, child] - pose_cm[:, parent]).norm(dim=-1).nanquantile(0.5))
    if length_cm < SHORTEST_CM or length_cm > LONGEST_CM:  # false for NaN: no limb is known
        unit, remedy = ("metres", "times 100") if length_cm < SHORTEST_CM else ("millimetres", "divided by 10")
        yield (
            f"{store.split}: half of the limbs of {source} are shorter than {length_cm:.3g} cm, where a body's median "
            f"is about 25 cm. If pose_cm and origin_cm are in {unit}, they must be {remedy}"
        )


def _views(store: FrameStore, source: str) -> Iterator[str]:
    rows = evenly(_FRAMES, len(store))
    batch = store.read(rows, images=False)
    projected_px, inside = store.rig.project(batch.pose_cm + batch.origin_cm[:, :1])
    own, other = (_median_px(points, projected_px, inside) for points in (batch.points2d_px, batch.points2d_px.flip(1)))
    if own > _CLOSE_PX and other < _SWAPPED * own:
        yield (
            f"{store.split}: the points of {source} lie {own:.0f} px (median, of 1024) from where its rig projects its "
            f"poses, and {other:.0f} px if the views are swapped. If its left view is the right one, swap images, "
            "points2d_px, origin_cm and visibility; view 0 is the wearer's left"
        )


def _median_px(
    points_px: Float[Tensor, "b v j 2"], projected_px: Float[Tensor, "b v j 2"], inside: Bool[Tensor, "b v j"]
) -> float:
    """Median distance of the known points of joints that their view shows; NaN without any."""
    distance = torch.where(inside, (points_px - projected_px).norm(dim=-1), torch.nan)
    return float(distance.nanquantile(0.5))
