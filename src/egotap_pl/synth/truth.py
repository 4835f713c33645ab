"""What a picture's joints truly are: pose, 2D points and visibility, from the same geometry as the picture."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor

from egotap_pl.core.batch import Visibility
from egotap_pl.core.camera import StereoRig
from egotap_pl.core.skeleton import Skeleton
from egotap_pl.synth.body import Body
from egotap_pl.synth.figure import BONES, bone_of
from egotap_pl.synth.roundcone import MISS, RoundCones, meet
from egotap_pl.synth.tiles import NOTHING

_PELVIS = BONES.index("pelvis")
_NEAR = 3.0  # a joint shows where the surface is at most so many times its part's radius away from it
_CAMERA_JOINT = "cam"


class Truth(NamedTuple):
    """Ground truth of frames; units and axes as in `core.batch.Batch`.

    Fields:
        points2d_px: of every joint in each view.
        pose_cm: every joint in the left camera's axes, relative to the skeleton's origin.
        origin_cm: that origin in each camera's frame.
        visibility: a `Visibility` per view and joint.
    """

    points2d_px: Float[Tensor, "f v j 2"]
    pose_cm: Float[Tensor, "f j 3"]
    origin_cm: Float[Tensor, "f v 3"]
    visibility: UInt8[Tensor, "f v j"]


def joint_bones(skeleton: Skeleton) -> list[int | None]:
    """The bone whose origin each joint is; None for the camera itself (EgoCap's ``cam``).

    Raises:
        ValueError: if the figure has no such joint.
    """
    try:
        return [None if joint == _CAMERA_JOINT else bone_of(skeleton.name, joint) for joint in skeleton.joints]
    except KeyError as error:
        raise ValueError(f"EgoSynth cannot show skeleton {skeleton.name!r}: {error.args[0]}") from error


def ground_truth(
    skeleton: Skeleton,
    rig: StereoRig,
    body: Body,
    bones_left_cm: Float[Tensor, "f bone 3"],
    cones: RoundCones,
) -> Truth:
    """The truth of frames whose bones and parts are known in the cameras' frames.

    Where the skeleton has a joint for the camera, that camera is the poses' origin; otherwise the pelvis is. The camera
    joint is seen by no view. A point on the limb from the neck to the left camera is, in the left view, always at the
    neck's pixel, so that is the camera's 2D point there; the right view's is the rig's projection, beyond its circle.

    Args:
        skeleton: whose joints.
        rig: the cameras.
        body: the wearer.
        bones_left_cm: every bone's origin in the left camera's frame.
        cones: its parts in each view's frame, as rays meet them.
    """
    bones = joint_bones(skeleton)
    camera_joints = [j for j, bone in enumerate(bones) if bone is None]
    joints = bones_left_cm[:, [_PELVIS if bone is None else bone for bone in bones]].clone()
    joints[:, camera_joints] = 0.0
    origin = torch.zeros_like(joints[:, :1]) if camera_joints else bones_left_cm[:, [_PELVIS]]
    points, inside = rig.project(joints)
    numbers = torch.tensor([_PELVIS if bone is None else bone for bone in bones], device=joints.device)
    touching, radius = body.touching(numbers)
    shown = _shown(rig.to_views(joints), cones, touching, radius)
    shown[..., camera_joints] = False
    inside[..., camera_joints] = False
    for joint in camera_joints:
        points[:, 0, joint] = points[:, 0, skeleton.joints.index("neck")]
    visibility = torch.where(shown, int(Visibility.VISIBLE), int(Visibility.OCCLUDED))
    visibility = torch.where(inside, visibility, int(Visibility.OUT_OF_VIEW)).to(torch.uint8)
    # EgoCap's origin is the left camera: zeros by contract, in both views
    origins = rig.to_views(origin)[:, :, 0] * (not camera_joints)
    return Truth(points, joints - origin, origins, visibility)


def _shown(
    joints_cm: Float[Tensor, "f v j 3"],
    cones: RoundCones,
    touching: Bool[Tensor, "j part"],
    radius_cm: Float[Tensor, "j"],
) -> Bool[Tensor, "f v j"]:
    """Whether nothing stands between the camera and a joint but, near it, a part that touches it.

    A joint lies inside the body, so what can be seen is the surface over it. "Near" keeps an elbow from counting as
    seen because the far end of its own upper arm is in front of it.
    """
    distance, part = first_part(joints_cm, cones)
    own = touching.expand(*part.shape, -1).gather(-1, part.clamp(min=0).long()[..., None])[..., 0]
    depth = joints_cm.norm(dim=-1) - distance
    return (depth <= 0) | (own & (depth <= _NEAR * radius_cm))


def first_part(
    points_cm: Float[Tensor, "f v j 3"], cones: RoundCones
) -> tuple[Float[Tensor, "f v j"], Int[Tensor, "f v j"]]:
    """Distance and part of what the rays from each camera through points meet first, every part tried."""
    rays = torch.nn.functional.normalize(points_cm, dim=-1)
    dots = cones.vectors @ rays.mT[:, :, None]  # (f, v, part, 3, j)
    distance = meet(dots.flatten(0, 2), cones.constants.flatten(0, 2)).unflatten(0, dots.shape[:3])
    nearest, part = distance.min(2)
    return nearest, torch.where(nearest < MISS, part, NOTHING)
