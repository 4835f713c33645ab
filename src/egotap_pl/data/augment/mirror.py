"""Frames as the same rig would see them in a mirror."""

from __future__ import annotations

import math
from typing import Any

import torch
from jaxtyping import Bool, Float, Shaped
from torch import Generator, Tensor

from egotap_pl.core.batch import FRAME_PX, Batch, Heatmaps
from egotap_pl.core.camera import Camera, StereoRig
from egotap_pl.core.constants import constant
from egotap_pl.core.errors import EgotapError
from egotap_pl.core.sides import side_of
from egotap_pl.core.skeleton import Skeleton

_SAME_LENS_PX = 1.0  # of 1024: a sixteenth of a heatmap's pixel


class SwapMirror:
    """Mirrors some of the frames; see `swap_mirror`. Of batches with earlier frames, it mirrors some, as a whole.

    Args:
        skeleton: skeleton of the poses.
        rig: the two cameras.
        probability: probability that a frame, or a batch with earlier frames, is mirrored.

    Raises:
        EgotapError: if the rig or the poses have no mirror image.
    """

    def __init__(self, skeleton: Skeleton, rig: StereoRig, probability: float = 0.5) -> None:
        check_mirror(skeleton, rig)
        self.skeleton, self.rig, self.probability = skeleton, rig, probability

    def check_heatmaps(self) -> None:
        """Cached heatmaps are mirrored, too.

        Raises:
            EgotapError: if they have no mirror image.
        """
        check_heatmap_mirror(self.skeleton, self.rig)

    def check_windows(self) -> None:
        """The frames of a window are mirrored together."""

    def check_frames(self, batch: Batch) -> None:
        """Poses must not be relative to the left camera.

        Raises:
            EgotapError: if they are.
        """
        _check_origin(batch)

    def __call__(self, batch: Batch, generator: Generator) -> Batch:
        """Returns the batch with some frames mirrored. If it has earlier frames, which windows share: all or none."""
        number = len(batch.frame) if batch.past is None else 1
        mirrored = torch.rand(number, generator=generator, device=generator.device) < self.probability
        return _merge(mirrored, _mirrored(batch, self.skeleton, self.rig), batch)


def swap_mirror(batch: Batch, skeleton: Skeleton, rig: StereoRig) -> Batch:
    """Every frame as the same rig would see the mirrored scene.

    A mirror turns the left camera's view into the right camera's. Images and cached heatmaps are flipped and exchanged,
    and so are points, origins and the two sides of the body. Images are flipped about the optical axis and not about
    their middle, because otherwise the calibration would not fit the mirrored points. The difference is a fraction of a
    pixel, which is interpolated.

    Args:
        batch: the frames.
        skeleton: skeleton of the poses.
        rig: the two cameras.

    Raises:
        EgotapError: if the rig or the poses have no mirror image, or the batch has heatmaps that have none.
    """
    check_mirror(skeleton, rig)
    _check_origin(batch)
    if batch.heatmaps is not None:
        check_heatmap_mirror(skeleton, rig)
    return _mirrored(batch, skeleton, rig)


def _mirrored(batch: Batch, skeleton: Skeleton, rig: StereoRig) -> Batch:
    device, dtype = batch.pose_cm.device, batch.pose_cm.dtype
    twins = constant(tuple(skeleton.mirror), device)
    both_centres_px = rig.cameras[0].centre_px[0] + rig.cameras[1].centre_px[0]
    shift = (both_centres_px - FRAME_PX) / FRAME_PX
    mirror = constant((-1.0, 1.0, 1.0), device, dtype)
    points = batch.points2d_px.flip(1)[:, :, twins]
    # The new left camera is the mirror image of the old right one: a pose is turned into its axes, then mirrored.
    return batch._replace(
        images=_flipped(batch.images.flip(1), shift).round().byte(),
        points2d_px=torch.stack((both_centres_px - points[..., 0], points[..., 1]), -1),
        pose_cm=(rig.to_right_axes(batch.pose_cm) * mirror)[:, twins],
        origin_cm=batch.origin_cm.flip(1) * mirror,
        visibility=batch.visibility.flip(1)[:, :, twins],
        heatmaps=None if batch.heatmaps is None else _mirrored_maps(batch.heatmaps, skeleton, rig, shift),
        past=None if batch.past is None else batch.past._replace(frames=_mirrored(batch.past.frames, skeleton, rig)),
    )


def _mirrored_maps(maps: Heatmaps, skeleton: Skeleton, rig: StereoRig, shift: float) -> Heatmaps:
    """Heatmaps of the mirrored scene. Its limbs have the same angles, if both cameras have the same axes.

    Joints and limbs are drawn at pixels (`egotap_pl.core.heatmap`) that hold a joint's position, but whose corner is
    nearest to a limb's end: limbs lie half a pixel to the right of joints. So their mirror lies a pixel further right.
    """
    twins = constant(tuple(twin - 1 for twin in skeleton.mirror[1:]), maps.joint.device)
    joint, limb = (of_joints.flip(1)[:, :, twins] for of_joints in maps)
    return Heatmaps(_flipped(joint, shift), _flipped(limb, shift + 1 / limb.shape[-1]))


def check_mirror(skeleton: Skeleton, rig: StereoRig) -> None:
    """Refuses a rig that is not its own mirror image, poses relative to one of its cameras, and joints without a twin.

    Raises:
        EgotapError: names everything that has no mirror image.
    """
    _check_sides(skeleton)
    left, right = rig.cameras
    problems = {
        "its poses are relative to the left camera": not skeleton.estimates_root,
        "its right camera is not where the mirrored left one would be": not _symmetric_placement(rig),
        f"its images are not calibrated for {FRAME_PX} px": {left.size_px, right.size_px} != {(FRAME_PX, FRAME_PX)},
        "its two lenses differ": _lens_difference_px(left, right) > _SAME_LENS_PX,
        "an optical axis is far from the image's middle": max(abs(c.centre_px[0] - FRAME_PX / 2) for c in (left, right))
        > FRAME_PX / 64,
        "its optical axes differ in height": abs(left.centre_px[1] - right.centre_px[1]) > 0.5,
    }
    if reasons := [problem for problem, applies in problems.items() if applies]:
        raise EgotapError(f"rig {rig.name!r} has no mirror image ({'; '.join(reasons)}): train without SwapMirror")


def _check_sides(skeleton: Skeleton) -> None:
    pairs = tuple(enumerate(skeleton.mirror))
    lonely = [skeleton.joints[joint] for joint, twin in pairs if joint == twin and side_of(skeleton.joints[joint])]
    if lonely or all(joint == twin for joint, twin in pairs):
        which = f"{lonely[0]} has no joint" if lonely else "no joint has one"
        raise EgotapError(
            f"skeleton {skeleton.name}: {which} on the other side, so left and right cannot be exchanged: give the two "
            "names that differ only in the side, e.g. hand_l and hand_r, or LeftHand and RightHand; or train without "
            "SwapMirror"
        )


def check_heatmap_mirror(skeleton: Skeleton, rig: StereoRig) -> None:
    """Refuses heatmaps that have no mirror image, though images and poses have.

    Raises:
        EgotapError: if the cameras are turned to each other, since limb heatmaps give angles in the left one's axes, or
            the limbs of the two sides of the body connect other joints.
    """
    remedy = "mirror images instead of cached heatmaps (heatmaps.cache=false)"
    if not torch.allclose(torch.tensor(rig.rotation), torch.eye(3), atol=1e-3):
        raise EgotapError(f"rig {rig.name!r}: limb heatmaps of cameras that are turned have no mirror image; {remedy}")
    mirror, parents = skeleton.mirror, skeleton.parents
    if any(parents[mirror[joint]] != mirror[parents[joint]] for joint in range(skeleton.num_joints)):
        raise EgotapError(f"skeleton {skeleton.name}: its left and right limbs connect other joints; {remedy}")


def _check_origin(batch: Batch) -> None:
    # Its skeleton may estimate its root: poses are relative to what the origin says.
    if (batch.origin_cm == 0).all(-1).all(-1).any():
        raise EgotapError(
            "origin_cm is zero in both views, so poses are relative to the left camera and have no mirror image: train "
            "without SwapMirror, or give poses another origin"
        )


def _lens_difference_px(left: Camera, right: Camera) -> float:
    """Largest distance, relative to the optical axes, of pixels of the left camera from mirrored ones of the right."""
    if abs(left.max_angle_rad - right.max_angle_rad) > 1e-3:
        return math.inf
    angle = torch.linspace(0.0, left.max_angle_rad, 33, dtype=torch.float64)[:, None]
    turn = torch.arange(32, dtype=torch.float64) * (math.pi / 16)
    across, along = torch.stack((turn.cos(), turn.sin()), -1) * angle.sin()[..., None], angle.cos().expand(-1, 32)
    directions = torch.cat((across, along[..., None]), -1)
    mirror = directions.new_tensor((-1.0, 1.0, 1.0))
    left_px = left.project(directions)[0] - directions.new_tensor(left.centre_px)
    right_px = right.project(directions * mirror)[0] - directions.new_tensor(right.centre_px)
    return float((left_px - right_px * mirror[:2]).norm(dim=-1).max())


def _symmetric_placement(rig: StereoRig) -> bool:
    """Whether X_right = R X_left + t is its own mirror image; with M the mirror, R M R = M and R M t = -t."""
    rotation = torch.tensor(rig.rotation, dtype=torch.float64)
    translation = torch.tensor(rig.translation_cm, dtype=torch.float64)
    mirror = torch.diag(torch.tensor((-1.0, 1.0, 1.0), dtype=torch.float64))
    turned = torch.allclose(rotation @ mirror @ rotation, mirror, atol=1e-3)
    return turned and torch.allclose(rotation @ mirror @ translation, -translation, atol=0.05)


def _flipped(images: Shaped[Tensor, "*b h w"], shift: float) -> Float[Tensor, "*b h w"]:
    """Images flipped horizontally, then moved right by ``shift`` widths. Edge pixels fill what lies beyond the edge."""
    flipped, width = images.flip(-1), images.shape[-1]
    if not width:
        return flipped.float()
    column = (torch.arange(width, device=images.device) - shift * width).clamp(0, width - 1)
    low = column.floor().long()
    high, fraction = (low + 1).clamp(max=width - 1), column - low
    return flipped[..., low] * (1 - fraction) + flipped[..., high] * fraction


def _merge(is_first: Bool[Tensor, "b"], first: Batch, second: Batch) -> Batch:
    """A batch whose frames come from the first or the second batch, frame by frame; all from one if it has a past."""

    def pick(one: Tensor, other: Tensor) -> Tensor:
        return torch.where(is_first.view(-1, *[1] * (one.dim() - 1)), one, other)

    maps, past = None, None
    if first.heatmaps is not None and second.heatmaps is not None:
        maps = Heatmaps(*map(pick, first.heatmaps, second.heatmaps))
    if first.past is not None and second.past is not None:
        past = first.past._replace(frames=_merge(is_first, first.past.frames, second.past.frames))
    columns: dict[str, Any] = first._replace(heatmaps=None, past=None)._asdict()
    picked: dict[str, Any] = {
        name: pick(one, getattr(second, name)) for name, one in columns.items() if one is not None
    }
    return Batch(**picked, heatmaps=maps, past=past)
