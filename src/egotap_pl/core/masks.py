"""Limb masks, the segmentation target of EgoGlass: thick lines along arms and legs, for a whole batch at once."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from egotap_pl.core.batch import FRAME_PX
from egotap_pl.core.constants import constant
from egotap_pl.core.errors import EgotapError
from egotap_pl.core.skeleton import Skeleton

NUM_MASKS = 4
"""Number of masks: left arm, right arm, left leg, right leg."""
_LIMBS = (
    (("upperarm_{}", "lowerarm_{}", "hand_{}"), ("thigh_{}", "calf_{}", "foot_{}"), ("l", "r")),
    (("{}_shoulder", "{}_elbow", "{}_wrist"), ("{}_hip", "{}_knee", "{}_ankle"), ("left", "right")),
)


def arms_and_legs(skeleton: Skeleton) -> tuple[tuple[int, int, int], ...]:
    """Joints of the left arm, right arm (shoulder, elbow, wrist), left leg and right leg (hip, knee, ankle).

    Raises:
        EgotapError: if the joints have neither UnrealEgo's nor EgoCap's names.
    """
    index = {name: joint for joint, name in enumerate(skeleton.joints)}
    for arm, leg, sides in _LIMBS:
        names = [[part.format(side) for part in limb] for limb in (arm, leg) for side in sides]
        if all(name in index for limb in names for name in limb):
            return tuple((index[a], index[b], index[c]) for a, b, c in names)
    raise EgotapError(
        f"skeleton {skeleton.name}: limb masks need joints with UnrealEgo's names (upperarm_l, lowerarm_l, hand_l, "
        "thigh_l, calf_l, foot_l and the same with _r) or EgoCap's (left_shoulder, left_elbow, ...)"
    )


@torch.no_grad()
def limb_masks(
    points2d_px: Float[Tensor, "b v j 2"], skeleton: Skeleton, size: int, width_px: float | int
) -> Float[Tensor, "b v m {size} {size}"]:
    """Masks of the arms and legs of `arms_and_legs`: 1 within half a line's width of a segment, 0 elsewhere.

    The lines connect truncated pixels and have round ends, as in the release, where OpenCV draws them. A segment with
    an end that is not finite is not drawn.

    Args:
        points2d_px: all joints in each view, px of the 1024 x 1024 frame.
        skeleton: the skeleton of these joints.
        size: side of the masks in pixels.
        width_px: width of the lines, px of the 1024 x 1024 frame.

    Raises:
        EgotapError: if the joints have neither UnrealEgo's nor EgoCap's names.
    """
    scale = size / FRAME_PX
    chains = constant(arms_and_legs(skeleton), points2d_px.device)
    joints = (points2d_px * scale).trunc()[:, :, chains]  # b v m 3 2
    mask = points2d_px.new_zeros(*joints.shape[:3], size, size)
    for start, end in ((joints[..., 0, :], joints[..., 1, :]), (joints[..., 1, :], joints[..., 2, :])):
        mask.logical_or_(_distance(start, end, size) <= 0.5 * width_px * scale)
    return mask


def known_masks(known: Bool[Tensor, "b v j"], skeleton: Skeleton) -> Bool[Tensor, "b v m"]:
    """Which of the masks are known: those with three known joints.

    Args:
        known: which joints are known in each view (`egotap_pl.core.known.known_points`).
        skeleton: the skeleton of these joints.

    Raises:
        EgotapError: if the joints have neither UnrealEgo's nor EgoCap's names.
    """
    masks = [known[:, :, a] & known[:, :, b] & known[:, :, c] for a, b, c in arms_and_legs(skeleton)]
    return torch.stack(masks, -1)


def _distance(
    start: Float[Tensor, "b v m 2"], end: Float[Tensor, "b v m 2"], size: int
) -> Float[Tensor, "b v m {size} {size}"]:
    """Distance from every pixel to the segment between two points; infinite if an end is not finite."""
    pixels = torch.arange(size, device=start.device, dtype=start.dtype)
    along = end - start
    from_start = pixels - start[..., None]  # b v m (u, v) size
    squared = along.square().sum(-1).clamp(min=1e-12)[..., None, None]
    dot = (along[..., 1, None] * from_start[..., 1, :])[..., :, None]
    dot = dot + (along[..., 0, None] * from_start[..., 0, :])[..., None, :]
    share = (dot / squared).clamp(0.0, 1.0)
    across = from_start[..., 0, None, :] - share * along[..., 0, None, None]
    down = from_start[..., 1, :, None] - share * along[..., 1, None, None]
    return torch.hypot(across, down).nan_to_num(float("inf"))
