"""Intersection of rays from the origin with body parts.

A part is the hull of two spheres, flattened along a unit axis n: all points p for which p + (s - 1)(n.p) n lies in the
hull. In that stretched space the hull is round. The stretch is linear, so the parameter of a ray is the same in both
spaces. With the camera at the origin, a part needs only three dot products with fixed vectors per ray; everything else
is constant.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

MISS = float("inf")
"""Distance of a ray that does not hit anything."""


class RoundCones(NamedTuple):
    """Body parts, prepared for intersection with rays from the origin."""

    vectors: Float[Tensor, "*n 3 3"]
    """Centre A of the start sphere, axis u (both pulled back through the stretch), and the thin axis, scaled so that
    the squared length of a stretched ray is 1 + (ray . thin axis)^2."""
    constants: Float[Tensor, "*n 4"]
    """|A|^2 - ra^2, |B|^2 - rb^2, e and the length; see `meet`."""

    @classmethod
    def prepare(
        cls,
        start_cm: Float[Tensor, "*n 3"],
        end_cm: Float[Tensor, "*n 3"],
        thin: Float[Tensor, "*n 3"],
        thinness: Float[Tensor, "*m"],
        radii_cm: Float[Tensor, "*m 2"],
    ) -> RoundCones:
        """Prepare parts.

        Args:
            start_cm: centre of each part's first sphere in the camera's frame.
            end_cm: centre of each part's second sphere in the camera's frame.
            thin: unit axis along which each part is flattened, in the camera's frame.
            thinness: factor by which each part is flattened; broadcast over the leading axes.
            radii_cm: radii of each part's spheres; broadcast over the leading axes.
        """
        start, end = stretched(start_cm, thin, thinness), stretched(end_cm, thin, thinness)
        first, second = radii_cm.expand(*start.shape[:-1], 2).unbind(-1)
        axis, taper = end - start, first - second
        # Squared length of the axis as the tangent cone sees it; almost 0 for a sphere.
        length = (axis.square().sum(-1) - taper.square()).clamp(min=1e-8).sqrt()
        unit = axis / length[..., None]
        e = taper * first / length + (unit * start).sum(-1)
        constants = (start.square().sum(-1) - first.square(), end.square().sum(-1) - second.square(), e, length)
        scaled = thin * (thinness.square() - 1).clamp(min=0).sqrt()[..., None]
        vectors = (stretched(start, thin, thinness), stretched(unit, thin, thinness), scaled)
        return cls(torch.stack(vectors, -2), torch.stack(constants, -1))


def stretched(
    points: Float[Tensor, "*n 3"], thin: Float[Tensor, "*n 3"], thinness: Float[Tensor, "*m"]
) -> Float[Tensor, "*n 3"]:
    """Points in the space where a flattened part is round. The same map takes covectors back.

    Args:
        points: the points.
        thin: unit axis along which the part is flattened.
        thinness: factor by which it is flattened.
    """
    return points + ((thinness - 1) * (points * thin).sum(-1))[..., None] * thin


def meet(dots: Float[Tensor, "n 3 p"], constants: Float[Tensor, "n 4"]) -> Float[Tensor, "n p"]:
    """Distance along each unit ray to its first point on the part, or `MISS`.

    Args:
        dots: ``RoundCones.vectors @ rays``, for n parts and p rays per part.
        constants: ``RoundCones.constants`` of the same parts.
    """
    to_start, to_axis, across = dots.unbind(1)
    to_a, to_b, e, length = (c[:, None] for c in constants.unbind(-1))
    q = 1 + across * across  # squared length of the stretched ray

    # The tangent cone: q2 t^2 + 2 q1 t + q0 = 0, valid between the tangent circles, where 0 < y < length. The root of
    # the entry is written without dividing by q2, so that it also holds for rays along the cone (q2 = 0) and inside it.
    q1 = torch.addcmul(-to_start, e, to_axis)
    q0 = to_a - e * e
    h = q1 * q1 - (q - to_axis * to_axis) * q0
    t = q0 / (h.clamp(min=0).sqrt() - q1)
    y = t * to_axis - e
    on_cone = (h > 0) & (y > 0) & (y < length) & (t > 0)

    first = _sphere(to_start, q, to_a)
    second = _sphere(to_start + to_axis * length, q, to_b)
    return torch.where(on_cone, t, torch.minimum(first, second))


def _sphere(
    towards: Float[Tensor, "n p"], q: Float[Tensor, "n p"], constant: Float[Tensor, "n 1"]
) -> Float[Tensor, "n p"]:
    h = towards * towards - q * constant
    t = (towards - h.clamp(min=0).sqrt()) / q
    return torch.where((h > 0) & (t > 0), t, MISS)
