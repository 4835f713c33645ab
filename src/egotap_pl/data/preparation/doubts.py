"""Signs that a source gives something other than `Frames` asks for: poses without joints, another unit, swapped views.

They are doubts, not errors: bodies may be tiny and rigs odd. Each is a sentence with the numbers and the remedy.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from egotap_pl.core.batch import FRAME_PX
from egotap_pl.core.camera import StereoRig
from egotap_pl.core.evenly import evenly
from egotap_pl.core.known import is_known, known_points
from egotap_pl.data.source import Frames, SkippedFrame, Source
from egotap_pl.data.store.reader import FrameStore

NO_JOINT = "no joint of its pose is known"
"""Reason of frames that `with_known_joints` skips."""
SHORTEST_CM, LONGEST_CM = 2.5, 80.0
"""A median limb outside is doubted. A body's is about 25 cm: 0.25 in metres, 250 in millimetres."""
_SWAPPED = 0.5  # views are doubted if points are closer than this to the other view's, relative to their own
_CLOSE_PX = 8.0  # unless they are close to their own: half a heatmap pixel, of 1024
_FAR_PX = 64.0  # points farther than this from their projected joints are doubted: four heatmap pixels, of 1024
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


def doubts(store: FrameStore, source: str, others: Sequence[FrameStore] = ()) -> tuple[str, ...]:
    """What is doubtful about a store, a sentence each.

    Args:
        store: the split that was prepared.
        source: name of its source.
        others: the other splits that are there already.
    """
    return (
        *_unknown(store, source),
        *_unit(store, source),
        *_frame_size(store, source),
        *_views(store, source),
        *_motions(store, source, others),
    )


def _frame_size(store: FrameStore, source: str) -> Iterator[str]:
    if odd := [camera.size_px for camera in store.rig.cameras if camera.size_px != (FRAME_PX, FRAME_PX)]:
        width, height = odd[0]
        yield (
            f"{store.split}: the rig of {source} has frames of {width} x {height} px, but points2d_px are px of square "
            f"frames of {FRAME_PX} x {FRAME_PX}. Give square_rig(rig, {FRAME_PX}) of egotap_pl.core.camera, cut the "
            "images to the same squares (circle_square), and project with that rig"
        )


def _motions(store: FrameStore, source: str, others: Sequence[FrameStore]) -> Iterator[str]:
    motions = store.names["motion"]
    for other in others:
        if "train" not in (store.split, other.split):  # EgoCap's validation split is its test split
            continue
        if shared := sorted({*motions} & {*other.names["motion"]}):
            yield (
                f"{store.split}: {len(shared)} of {len(motions)} motions of {source} are also in {other.split}, the "
                f"first is {shared[0]}. A test on frames of training motions says little; if they only have the same "
                "name, give each motion a name of its own"
            )


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
    for view, known in zip(("left", "right"), known_points(batch).unbind(1), strict=True):
        if not known.any():
            yield (
                f"{store.split}: points2d_px of {source} are NaN throughout in the {view} view: no true heatmaps can "
                "be drawn of it, and no estimator can be trained. If the rig is known, project the poses with it"
            )
    own, other = (_median_px(points, projected_px, inside) for points in (batch.points2d_px, batch.points2d_px.flip(1)))
    if own > _CLOSE_PX and other < _SWAPPED * own:
        yield (
            f"{store.split}: the points of {source} lie {own:.0f} px (median, of 1024) from where its rig projects its "
            f"poses, and {other:.0f} px if the views are swapped. If its left view is the right one, swap images, "
            "points2d_px, origin_cm and visibility; view 0 is the wearer's left"
        )
    elif own > _FAR_PX:
        yield (
            f"{store.split}: the points of {source} lie {own:.0f} px (median, of 1024) from where its rig projects its "
            f"poses. points2d_px must be px of the {FRAME_PX} x {FRAME_PX} frame, whatever the size of the images, and "
            "pose_cm + origin_cm in the left camera's axes; egotap show draws both"
        )


def _median_px(
    points_px: Float[Tensor, "b v j 2"], projected_px: Float[Tensor, "b v j 2"], inside: Bool[Tensor, "b v j"]
) -> float:
    """Median distance of the known points of joints that their view shows; NaN without any."""
    distance = torch.where(inside, (points_px - projected_px).norm(dim=-1), torch.nan)
    return float(distance.nanquantile(0.5))


def outdated(store: FrameStore, source: Source[Any]) -> tuple[str, ...]:
    """What a source says otherwise than the store that its identity finds, in a sentence; nothing if they agree.

    Args:
        store: a split that was prepared earlier.
        source: the source, whose identity is that of the store.
    """
    changed = {
        "skeleton": store.skeleton != source.skeleton,
        "rig": not _same_rig(store.rig, source.rig),
        "categories": tuple(store.categories) != tuple(source.categories),
    }
    if not (names := [name for name, differs in changed.items() if differs]):
        return ()
    return (
        f"{store.split}: {store.path} was prepared with another {' and '.join(names)} than {type(source).__name__} has "
        f"now, and is used as it is, because identity() is the same. Let identity() include what determines the "
        f"{' and '.join(names)}, or raise its version; then the data are prepared again",
    )


def _same_rig(one: StereoRig, other: StereoRig) -> bool:
    """Whether two rigs project alike, to rounding; their names do not count."""
    points_cm = torch.cartesian_prod(
        torch.tensor([-40.0, 30.0]), torch.tensor([-30.0, 40.0]), torch.tensor([20.0, 90.0])
    )
    (one_px, _), (other_px, _) = one.project(points_cm), other.project(points_cm)
    return torch.allclose(one_px, other_px, rtol=0, atol=0.1, equal_nan=True)
