"""A pose drawn back into the views that it was estimated from."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from matplotlib.axes import Axes
from torch import Tensor

from egotap_pl.core.camera import StereoRig
from egotap_pl.core.camera.placing import place_pose
from egotap_pl.core.skeleton import CAMERA_JOINT, Skeleton
from egotap_pl.figures.style import SKY

POSE_COLOUR = SKY
"""Colour of a pose in a view; peaks of heatmaps are orange."""


@dataclass(frozen=True)
class ProjectedPose:
    """The estimated joints of a frame in both views."""

    places: Float[Tensor, "v j 2"]
    """(u, v) of each joint as shares of the view's side; NaN if nobody knows where the pose is."""
    inside: Bool[Tensor, "v j"]
    """Whether each joint is within the view."""

    def limbs(self, view: int, skeleton: Skeleton) -> list[list[tuple[float, float]]]:
        """Both ends of every limb that is within a view, as shares of its side."""
        ends = [limb for limb in skeleton.estimated_limbs if bool(self.inside[view, list(limb)].all())]
        return [[(u, v) for u, v in self.places[view, list(limb)].tolist()] for limb in ends]


def project_poses(
    pose_cm: Float[Tensor, "b j 3"],
    joint_heatmaps: Float[Tensor, "b v m h w"] | None,
    skeleton: Skeleton,
    rig: StereoRig,
    origin_cm: Float[Tensor, "b 3"] | None = None,
) -> list[ProjectedPose]:
    """The poses of frames in both views.

    A skeleton with a joint for the camera has its poses relative to the left camera. Networks do not estimate the
    origin of others, such as the pelvis: where it is not known either, a pose is put where its joints are nearest to
    the peaks of their heatmaps (`place_pose`). Its size, shape and direction can then be judged, but not its place.

    Args:
        pose_cm: estimated joints, in the left camera's axes.
        joint_heatmaps: the heatmaps that they were lifted from, peak 1; None: there are none, and poses whose origin is
            unknown are nowhere (NaN).
        skeleton: the skeleton of poses and heatmaps.
        rig: the cameras, whose square frames the heatmaps fill.
        origin_cm: the origin in the left camera's axes, NaN where it is unknown; None: unknown.
    """
    if CAMERA_JOINT in skeleton.joints:
        origin = torch.zeros_like(pose_cm[:, 0])
    elif origin_cm is not None and bool(origin_cm.isfinite().all()):
        origin = origin_cm
    elif joint_heatmaps is None:
        origin = torch.full_like(pose_cm[:, 0], torch.nan) if origin_cm is None else origin_cm
    else:
        origin = _fitted_origin(pose_cm, joint_heatmaps, skeleton, rig)
        if origin_cm is not None:
            origin = torch.where(origin_cm.isfinite(), origin_cm, origin)
    points, inside = rig.project(pose_cm + origin[:, None])
    sides = torch.tensor([camera.size_px for camera in rig.cameras], dtype=points.dtype)
    inside = inside & points.isfinite().all(-1)
    return [ProjectedPose(*frame) for frame in zip(points / sides[:, None], inside, strict=True)]


def draw_projection(axis: Axes, pose: ProjectedPose, view: int, side_px: int, skeleton: Skeleton) -> None:
    """Draw the limbs and joints of a pose that are within a view.

    Args:
        axis: where the view is drawn.
        pose: the pose.
        view: number of the view.
        side_px: side of the view in the axis' units.
        skeleton: the skeleton of the pose.
    """
    for ends in pose.limbs(view, skeleton):
        axis.plot(
            *[[side_px * x for x in column] for column in zip(*ends, strict=True)], color=POSE_COLOUR, linewidth=1
        )
    joints = pose.places[view][pose.inside[view]] * side_px
    axis.scatter(joints[:, 0].numpy(), joints[:, 1].numpy(), color=POSE_COLOUR, s=4, zorder=3)


def _fitted_origin(
    pose_cm: Float[Tensor, "b j 3"], joint_heatmaps: Float[Tensor, "b v m h w"], skeleton: Skeleton, rig: StereoRig
) -> Float[Tensor, "b 3"]:
    side = joint_heatmaps.shape[-1]
    heights, cells = joint_heatmaps.flatten(-2).max(-1)
    places = torch.stack((cells % side + 0.5, cells // side + 0.5), -1) / side
    sides = torch.tensor([camera.size_px for camera in rig.cameras], dtype=places.dtype)
    with_heatmaps = [k for k, joint in enumerate(skeleton.estimated) if joint > 0]
    channels = [joint - 1 for joint in skeleton.estimated if joint > 0]
    points = places[:, :, channels] * sides[:, None]
    return place_pose(pose_cm[:, with_heatmaps], points, heights[:, :, channels].clamp(0, 1), rig)
