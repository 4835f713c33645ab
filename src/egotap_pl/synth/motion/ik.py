"""Two-bone inverse kinematics, batched over frames and sides."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor


def carried(
    vector: Float[Tensor, "*n 3"], source: Float[Tensor, "*n 3"], direction: Float[Tensor, "*n 3"]
) -> Float[Tensor, "*n 3"]:
    """A vector after the smallest rotation that takes one unit vector to another.

    Args:
        vector: the vector.
        source: unit vector before the rotation.
        direction: unit vector after the rotation.
    """
    axis = torch.linalg.cross(source, direction)
    cosine = (source * direction).sum(-1, keepdim=True)
    along = axis * (axis * vector).sum(-1, keepdim=True) / (1 + cosine).clamp_min(1e-3)
    return cosine * vector + torch.linalg.cross(axis, vector) + along


def swivelled(
    pole: Float[Tensor, "*n 3"], direction: Float[Tensor, "*n 3"], angle_rad: Float[Tensor, "*n"]
) -> Float[Tensor, "*n 3"]:
    """The unit component of a vector across a direction, rotated about that direction.

    Args:
        pole: the vector.
        direction: unit direction.
        angle_rad: angle of the rotation.
    """
    across = pole - direction * (pole * direction).sum(-1, keepdim=True)
    across = torch.nn.functional.normalize(across, dim=-1)
    angle = angle_rad[..., None]
    return across * angle.cos() + torch.linalg.cross(direction, across) * angle.sin()


def bend_to_reach(
    distance: Float[Tensor, "*n"], upper: float, lower: float, least_rad: float, most_rad: float
) -> tuple[Float[Tensor, "*n"], Float[Tensor, "*n"]]:
    """Bend of the middle joint that puts the end at a distance, and the distance in fact reached.

    A target that is too near or too far is approached as far as the limits of the bend allow.

    Args:
        distance: wanted distance from the first joint to the end.
        upper: length of the first bone, in the same unit.
        lower: length of the second bone.
        least_rad: smallest bend; 0 is straight.
        most_rad: largest bend.
    """
    nearest, farthest = (
        (upper**2 + lower**2 + 2 * upper * lower * torch.cos(torch.tensor(bend))).sqrt().item()
        for bend in (most_rad, least_rad)
    )
    reached = distance.clamp(nearest, farthest)
    cosine = (reached**2 - upper**2 - lower**2) / (2 * upper * lower)
    return torch.acos(cosine.clamp(-1, 1)), reached


def middle_joint(
    direction: Float[Tensor, "*n 3"],
    pole: Float[Tensor, "*n 3"],
    distance: Float[Tensor, "*n"],
    upper: float,
    lower: float,
) -> Float[Tensor, "*n 3"]:
    """Position of the middle joint relative to the first one.

    Args:
        direction: unit direction from the first joint to the last one.
        pole: unit vector across ``direction``, to the side on which the middle joint is.
        distance: distance from the first joint to the last one.
        upper: length of the first bone, in the same unit.
        lower: length of the second bone.
    """
    cosine = ((upper**2 + distance**2 - lower**2) / (2 * upper * distance)).clamp(-1, 1)
    sine = (1 - cosine**2).clamp_min(0).sqrt()
    return upper * (cosine[..., None] * direction + sine[..., None] * pole)
