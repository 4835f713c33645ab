"""Ground truth of a picture: pose, 2D points and visibility, from the geometry that is rendered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor

from egotap_pl.core.batch import Visibility
from egotap_pl.core.camera import StereoRig
from egotap_pl.core.errors import EgotapError
from egotap_pl.core.skeleton import CAMERA_JOINT, Skeleton
from egotap_pl.synth.body import Body
from egotap_pl.synth.figure import BONES, JOINT_BONES, bone_of
from egotap_pl.synth.roundcone import MISS, RoundCones, meet
from egotap_pl.synth.tiles import NOTHING

_PELVIS = BONES.index("pelvis")
_NEAR = 3.0  # a joint is visible only if the surface is at most this many radii of its part away from it


class Truth(NamedTuple):
    """Ground truth of frames; units and axes as in `egotap_pl.core.batch.Batch`."""

    points2d_px: Float[Tensor, "f v j 2"]
    """(u, v) of every joint in each view, px of the 1024 x 1024 frame."""
    pose_cm: Float[Tensor, "f j 3"]
    """Every joint in the left camera's axes, relative to the skeleton's origin."""
    origin_cm: Float[Tensor, "f v 3"]
    """That origin in each camera's frame."""
    visibility: UInt8[Tensor, "f v j"]
    """A `Visibility` per view and joint."""


def named_as_bones(skeleton: Skeleton, joint_bones: Mapping[str, str]) -> Skeleton:
    """A skeleton of one's own, with its joints named as the figure's bones.

    Args:
        skeleton: the skeleton.
        joint_bones: the bone whose origin a joint is, by joint; other joints keep their names.

    Raises:
        EgotapError: if there is no such joint, or no such bone, two joints are the same bone, or the camera's joint
            (`CAMERA_JOINT`) has no neck to be seen at.

    >>> arm = Skeleton("arm", ("LeftArm", "hand_l"), (0, 0), estimates_root=True)
    >>> named_as_bones(arm, {"LeftArm": "upperarm_l"}).joints
    ('upperarm_l', 'hand_l')
    """
    where = f"EgoSynth cannot render skeleton {skeleton.name}"
    if unknown := [joint for joint in joint_bones if joint not in skeleton.joints]:
        raise EgotapError(
            f"{where}: joint_bones has {', '.join(unknown)}, and its joints are {', '.join(skeleton.joints)}"
        )
    names = JOINT_BONES.get(skeleton.name, {}) | dict(joint_bones)
    bones = [names.get(joint, joint) for joint in skeleton.joints]
    pairs = list(zip(skeleton.joints, bones, strict=True))
    if missing := [joint for joint, bone in pairs if bone not in (*BONES, CAMERA_JOINT)]:
        entries = ", ".join(f"{joint}: BONE" for joint in missing)
        raise EgotapError(
            f"{where}: it has no bone of the name of {', '.join(missing)}. Write beside the skeleton, in data.source, "
            f"joint_bones: {{{entries}}} with the bone that begins at each joint, which is one of: {', '.join(BONES)}"
        )
    if double := [joint for joint, bone in pairs if bones.count(bone) > 1]:
        raise EgotapError(f"{where}: {', '.join(double)} are the same bone; a joint needs one of its own")
    if CAMERA_JOINT in bones and "neck" not in bones:
        raise EgotapError(f"{where}: the joint {CAMERA_JOINT} is seen at the neck, and no joint is the bone neck")
    return replace(skeleton, joints=tuple(bones))


def joint_bones(skeleton: Skeleton) -> list[int | None]:
    """The bone of each joint: the one whose origin it is; None for the camera itself (EgoCap's ``cam``).

    Raises:
        KeyError: if the figure has no bone for a joint (see `named_as_bones`).
    """
    return [None if joint == CAMERA_JOINT else bone_of(skeleton.name, joint) for joint in skeleton.joints]


def ground_truth(
    skeleton: Skeleton,
    rig: StereoRig,
    body: Body,
    bones_left_cm: Float[Tensor, "f bone 3"],
    cones: RoundCones,
) -> Truth:
    """Ground truth of frames, from the bones and body parts in the cameras' frames.

    If the skeleton has a joint for the camera, the left camera is the origin of poses; otherwise the pelvis is. No view
    sees the camera joint. In the left view, all points of the limb from the neck to the left camera fall on the neck's
    pixel, so that this pixel is the camera joint's 2D point. Its 2D point in the right view is the rig's projection,
    which is outside the image circle.

    Args:
        skeleton: joints of the ground truth.
        rig: the two cameras.
        body: body of the wearer.
        bones_left_cm: origin of every bone in the left camera's frame.
        cones: the body parts in each view's frame, prepared for intersection with rays.

    Raises:
        KeyError: if the figure has no bone for a joint.
    """
    bones = joint_bones(skeleton)
    camera_joints = [j for j, bone in enumerate(bones) if bone is None]
    joints = bones_left_cm[:, [_PELVIS if bone is None else bone for bone in bones]].clone()
    joints[:, camera_joints] = 0.0
    origin = torch.zeros_like(joints[:, :1]) if camera_joints else bones_left_cm[:, [_PELVIS]]
    points, inside = rig.project(joints)
    numbers = torch.tensor([_PELVIS if bone is None else bone for bone in bones], device=joints.device)
    touching, radius = body.touching(numbers)
    unoccluded = _unoccluded(rig.to_views(joints), cones, touching, radius)
    unoccluded[..., camera_joints] = False
    inside[..., camera_joints] = False
    for joint in camera_joints:
        points[:, 0, joint] = points[:, 0, skeleton.joints.index("neck")]
    visibility = torch.where(unoccluded, int(Visibility.VISIBLE), int(Visibility.OCCLUDED))
    visibility = torch.where(inside, visibility, int(Visibility.OUT_OF_VIEW)).to(torch.uint8)
    # EgoCap's origin is the left camera: by contract, zeros in both views.
    origins = rig.to_views(origin)[:, :, 0] * (not camera_joints)
    return Truth(points, joints - origin, origins, visibility)


def _unoccluded(
    joints_cm: Float[Tensor, "f v j 3"],
    cones: RoundCones,
    touching: Bool[Tensor, "j part"],
    radius_cm: Float[Tensor, "j"],
) -> Bool[Tensor, "f v j"]:
    """Whether nothing is between the camera and a joint except, near the joint, a part that touches it.

    A joint lies inside the body, so a camera can only see the surface around it. The surface must be near the joint:
    otherwise an elbow would count as visible when the far end of its own upper arm is in front of it.
    """
    distance, part = first_part(joints_cm, cones)
    own = touching.expand(*part.shape, -1).gather(-1, part.clamp(min=0).long()[..., None])[..., 0]
    depth = joints_cm.norm(dim=-1) - distance
    return (depth <= 0) | (own & (depth <= _NEAR * radius_cm))


def first_part(
    points_cm: Float[Tensor, "f v j 3"], cones: RoundCones
) -> tuple[Float[Tensor, "f v j"], Int[Tensor, "f v j"]]:
    """Distance (cm) and index of the first part on the ray from each camera through each point; all parts are tried."""
    rays = torch.nn.functional.normalize(points_cm, dim=-1)
    dots = cones.vectors @ rays.mT[:, :, None]  # (f, v, part, 3, j)
    distance = meet(dots.flatten(0, 2), cones.constants.flatten(0, 2)).unflatten(0, dots.shape[:3])
    nearest, part = distance.min(2)
    return nearest, torch.where(nearest < MISS, part, NOTHING)
