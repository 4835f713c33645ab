"""Two-bone inverse kinematics, batched over frames and sides."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor


def carried(
    vector: Float[Tensor, "*n 3"], source: Float[Tensor, "*n 3"], direction: Float[Tensor, "*n 3"]
) -> Float[Tensor, "*n 3"]:
    """``vector`` turned by the smallest rotation that takes unit vector ``source`` to unit vector ``direction``."""
    axis = torch.linalg.cross(source, direction)
    cosine = (source * direction).sum(-1, keepdim=True)
    along = axis * (axis * vector).sum(-1, keepdim=True) / (1 + cosine).clamp_min(1e-3)
    return cosine * vector + torch.linalg.cross(axis, vector) + along


def swivelled(
    pole: Float[Tensor, "*n 3"], direction: Float[Tensor, "*n 3"], angle_rad: Float[Tensor, "*n"]
) -> Float[Tensor, "*n 3"]:
    """The unit part of ``pole`` across ``direction``, turned about ``direction`` by ``angle_rad``."""
    across = pole - direction * (pole * direction).sum(-1, keepdim=True)
    across = torch.nn.functional.normalize(across, dim=-1)
    angle = angle_rad[..., None]
    return across * angle.cos() + torch.linalg.cross(direction, across) * angle.sin()


def bend_to_reach(
    distance: Float[Tensor, "*n"], upper: float, lower: float, least_rad: float, most_rad: float
) -> tuple[Float[Tensor, "*n"], Float[Tensor, "*n"]]:
    """Bend of the middle joint (0: straight) that puts the end ``distance`` away, and the distance really reached.

    A target too near or too far is approached as well as the bend's limits allow.
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
    """Middle joint relative to the first one, when the last one is ``distance`` away along ``direction``.

    ``pole`` is a unit vector across ``direction``: the side to which the middle joint points.
    """
    cosine = ((upper**2 + distance**2 - lower**2) / (2 * upper * distance)).clamp(-1, 1)
    sine = (1 - cosine**2).clamp_min(0).sqrt()
    return upper * (cosine[..., None] * direction + sine[..., None] * pole)
