"""Errors of movement: of velocity and acceleration, and jitter.

They are differences of poses of consecutive frames of one motion, in mm per frame, as the field gives them (velocity:
Pavllo et al. 2019, acceleration: Kanazawa et al. 2019). Data sets do not say how many frames there are in a second;
where they have 30, as EgoSynth's motions, 1 mm per frame is 30 mm/s. Poses are in the left camera's axes, so that the
head's own movement is part of the movement.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities import dim_zero_cat

from egotap_pl.metrics.pose import MM_PER_CM


def frame_stride(motion: Int[Tensor, "n"], frame_number: Int[Tensor, "n"]) -> int | None:
    """The difference of frame numbers between consecutive frames of a motion.

    It is the most frequent difference between frames that follow each other, if more than half of these have it. If
    not, the frames are single pictures of motions, at irregular distances.

    Args:
        motion: number of each frame's motion; the frames are sorted by it.
        frame_number: number of each frame within its motion, rising.

    Returns:
        The difference; None if there is none, or no two frames are of one motion.

    Examples:
        >>> frame_stride(torch.tensor([0, 0, 0, 1, 1, 1]), torch.tensor([5, 8, 11, 2, 5, 9]))
        3
    """
    steps = frame_number.diff()[motion.diff() == 0]
    if not len(steps):
        return None
    sizes, counts = steps.unique(return_counts=True)
    most = counts.argmax()
    return int(sizes[most]) if 2 * counts[most] > len(steps) and sizes[most] > 0 else None


def consecutive(motion: Int[Tensor, "n"], frame_number: Int[Tensor, "n"], stride: int, steps: int) -> Bool[Tensor, "m"]:
    """Whether each frame and the next ones are consecutive frames of one motion.

    Args:
        motion: number of each frame's motion; the frames are sorted by it.
        frame_number: number of each frame within its motion, rising.
        stride: difference of the numbers of consecutive frames.
        steps: number of frames that follow; the result has so many fewer elements than there are frames.

    Examples:
        >>> consecutive(torch.tensor([0, 0, 0, 1]), torch.tensor([5, 6, 8, 9]), stride=1, steps=1)
        tensor([ True, False, False])
    """
    joined = (motion.diff() == 0) & (frame_number.diff() == stride)
    return joined.unfold(0, steps, 1).all(-1) if len(joined) >= steps else joined[:0]


class _Measure(NamedTuple):
    """A number that is the mean length of a difference."""

    order: int
    """How often the difference is taken: 1 is velocity, 2 acceleration, 3 jerk."""

    of: str
    """Of ``error`` (estimate minus truth), ``estimate`` or ``truth``."""


MEASURES = {
    "mpjve": _Measure(1, "error"),
    "acceleration_error": _Measure(2, "error"),
    "jitter": _Measure(3, "estimate"),
    "true_jitter": _Measure(3, "truth"),
}
"""Name and content of each number of `MotionMetrics`."""


class MotionMetrics(Metric):
    """Errors of movement over consecutive frames of the same motion, overall, per joint and per category.

    - ``mpjve``: mean length of the error of a joint's velocity, mm/frame (MPJVE).
    - ``acceleration_error``: the same of its acceleration, mm/frame^2.
    - ``jitter``: mean length of the third difference of the estimated position, mm/frame^3; small if an estimate is
      smooth, whether or not it is right. ``true_jitter`` is that of the true movement.

    Frames may be added in any order and from several processes. Frames are consecutive if their numbers differ by
    `frame_stride`, which is found in the numbers. Differences are divided by its power, so that they are per frame of
    the motion's own counting. A joint counts where its true position is known in all frames that a difference needs.

    Args:
        joint_names: names of the estimated joints, in the order of a pose's rows.
        category_names: names of the categories, in the order of their indices.
        sync_on_compute: whether the frames of all processes count; False: each process adds all frames itself.

    Examples:
        >>> metric = MotionMetrics(["hand"], ["walking"])
        >>> truth_cm, pose_cm = torch.zeros(4, 1, 3), torch.zeros(4, 1, 3)
        >>> pose_cm[:, 0, 0] = torch.tensor([0.0, 1.0, 0.0, 1.0])
        >>> same = torch.zeros(4, dtype=torch.int64)
        >>> metric.update(pose_cm, truth_cm, category=same, motion=same, frame_number=torch.arange(4))
        >>> errors = metric.compute()
        >>> errors["mpjve"], errors["acceleration_error"], errors["jitter"], errors["true_jitter"]
        (10.0, 20.0, 40.0, 0.0)
    """

    is_differentiable = False
    higher_is_better = False
    full_state_update = False
    pose_cm: list[Tensor]
    truth_cm: list[Tensor]
    names: list[Tensor]
    """Category, motion and frame number of each frame."""

    def __init__(self, joint_names: Sequence[str], category_names: Sequence[str], sync_on_compute: bool = True) -> None:
        super().__init__(sync_on_compute=sync_on_compute)
        self.joint_names, self.category_names = tuple(joint_names), tuple(category_names)
        for name in ("pose_cm", "truth_cm", "names"):
            self.add_state(name, [], dist_reduce_fx="cat")

    def update(
        self,
        pose_cm: Float[Tensor, "b j 3"],
        truth_cm: Float[Tensor, "b j 3"],
        category: Int[Tensor, "b"],
        motion: Int[Tensor, "b"],
        frame_number: Int[Tensor, "b"],
    ) -> None:
        """Adds frames.

        Args:
            pose_cm: estimated poses.
            truth_cm: true poses.
            category: index of each frame's category name.
            motion: number of each frame's motion.
            frame_number: number of each frame within its motion.
        """
        self.pose_cm.append(pose_cm)
        self.truth_cm.append(truth_cm)
        self.names.append(torch.stack((category.long(), motion.long(), frame_number.long()), -1))

    def compute(self) -> dict[str, Any]:
        """``frame_stride``, the `MEASURES`, ``per_joint_<measure>`` {name: mm} and ``per_category`` {name: measures}.

        Measures that no frame has, because too few are consecutive, are omitted, in categories likewise; None stands
        for the measure of a joint that is never known. Without consecutive frames, nothing is returned.
        """
        names = dim_zero_cat(self.names)
        order = _sorted_rows(names[:, 1], names[:, 2])
        category, motion, number = names[order].unbind(-1)
        stride = frame_stride(motion, number)
        if stride is None:
            return {}
        pose_mm, truth_mm = (MM_PER_CM * dim_zero_cat(x)[order].double() for x in (self.pose_cm, self.truth_cm))
        points = {"error": pose_mm - truth_mm, "estimate": torch.where(truth_mm.isnan(), truth_mm, pose_mm)}
        points["truth"] = truth_mm
        results: dict[str, Any] = {"frame_stride": stride, "per_category": {}}
        for name, measure in MEASURES.items():
            joined = consecutive(motion, number, stride, measure.order)
            lengths = _difference_lengths(points[measure.of], measure.order)[joined] / stride**measure.order
            self._add(results, name, lengths, category[measure.order :][joined])
        return results

    def _add(
        self, results: dict[str, Any], name: str, lengths: Float[Tensor, "n j"], category: Int[Tensor, "n"]
    ) -> None:
        """Adds a measure's means, of all lengths that are known."""
        if lengths.isnan().all():  # also if there are none
            return
        results[name] = float(lengths.nanmean())
        means = lengths.nanmean(0).tolist()
        results[f"per_joint_{name}"] = {
            joint: None if mean != mean else mean for joint, mean in zip(self.joint_names, means, strict=True)
        }
        for index, category_name in enumerate(self.category_names):
            own = lengths[category == index]
            if not own.isnan().all():
                results["per_category"].setdefault(category_name, {})[name] = float(own.nanmean())


def _difference_lengths(points: Float[Tensor, "n j 3"], order: int) -> Float[Tensor, "m j"]:
    """Lengths of differences of some order between successive frames; NaN where a point is."""
    return points.diff(n=order, dim=0).norm(dim=-1)


def _sorted_rows(motion: Int[Tensor, "n"], frame_number: Int[Tensor, "n"]) -> Int[Tensor, "n"]:
    """The rows in the order of their motions, and of their frame numbers within these."""
    by_number = frame_number.argsort(stable=True)
    return by_number[motion[by_number].argsort(stable=True)]
