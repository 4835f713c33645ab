"""Errors of joints by their depth in the skeleton and by how the cameras see them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8

from egotap_pl.analysis.statistics import GroupMeans, group_means, numbered
from egotap_pl.core.skeleton import Skeleton
from egotap_pl.metrics.visibility import STATES
from egotap_pl.metrics.visibility import joint_states as states_of_tensor


class ErrorByVisibility(NamedTuple):
    """One method's error in each of `STATES`, mm."""

    error_mm: GroupMeans
    """Mean error."""
    excess_mm: GroupMeans
    """Mean of the error minus the same joint's mean error over all frames: what the state itself adds. Hidden joints
    tend to be far from the cameras and are hard in any state."""

    @property
    def shares(self) -> Float[np.ndarray, "6"]:
        """Share of the joints with known visibility that are in each state."""
        return self.error_mm.samples / max(int(self.error_mm.samples.sum()), 1)


def mean_by_depth(values_mm: Float[np.ndarray, "n j"], skeleton: Skeleton, motion: Sequence[str]) -> GroupMeans:
    """Mean over the joints at every depth, with intervals over motions. Depth counts the limbs up to the root.

    Args:
        values_mm: errors, or differences of errors, of n frames and the j estimated joints, in mm; NaN does not count.
        skeleton: the skeleton of these joints.
        motion: name of each frame's motion.

    Examples:
        >>> arm = Skeleton("arm", ("shoulder", "elbow", "wrist"), (0, 0, 1), estimates_root=True)
        >>> mean_by_depth(np.array([[10.0, 20.0, 30.0], [12.0, 22.0, 32.0]]), arm, ["a", "b"]).mean
        array([11., 21., 31.])
    """
    depth = np.array([skeleton.depths[joint] for joint in skeleton.estimated])
    groups = np.where(np.isnan(values_mm), -1, depth).ravel()
    return group_means(values_mm.ravel(), groups, np.repeat(numbered(motion), len(depth)), int(depth.max()) + 1)


def joint_states(visibility: UInt8[np.ndarray, "n v j"]) -> Int[np.ndarray, "n j"]:
    """Index into `STATES` of every joint; -1 where the data set does not say how a view sees the joint.

    Args:
        visibility: a `Visibility` for each of n frames, 2 views and j joints.

    Raises:
        ValueError: if there are not two views.
    """
    return states_of_tensor(torch.from_numpy(visibility)).numpy()


def error_by_visibility(
    error_mm: Float[np.ndarray, "n j"], visibility: UInt8[np.ndarray, "n v j"], motion: Sequence[str]
) -> ErrorByVisibility:
    """Mean error of the joints in each of `STATES`, with intervals over motions.

    Args:
        error_mm: errors of n frames and j joints, in mm; NaN where the true position is not known.
        visibility: a `Visibility` for each of the frames, 2 views and joints.
        motion: name of each frame's motion.
    """
    known = ~np.isnan(error_mm)
    states = np.where(known, joint_states(visibility), -1).ravel()
    cluster = np.repeat(numbered(motion), error_mm.shape[1])
    excess = error_mm - np.where(known, error_mm, 0).sum(0) / np.maximum(known.sum(0), 1)
    error, beyond = (group_means(values.ravel(), states, cluster, len(STATES)) for values in (error_mm, excess))
    return ErrorByVisibility(error, beyond)
