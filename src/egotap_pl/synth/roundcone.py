"""Where a ray from the origin meets a body's parts.

A part is the hull of two spheres, thinned along a unit axis n: the points p for which p + (s - 1)(n.p) n lies in the
hull. In that stretched space the hull is round; the stretch is linear, so a ray's parameter is the same in both. With
the camera at the origin all that a part needs per ray are three dot products with fixed vectors: the rest is constant.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

MISS = float("inf")


class RoundCones(NamedTuple):
    """Parts ready to be met by rays from the origin.

    Fields:
        vectors: the start sphere's centre A and the axis u (both pulled back through the stretch), and the thin axis
            scaled so that the stretched ray's squared length is 1 + (ray . it)^2.
        constants: |A|^2 - ra^2, |B|^2 - rb^2, e and length; see `meet`.
    """

    vectors: Float[Tensor, "*n 3 3"]
    constants: Float[Tensor, "*n 4"]

    @classmethod
    def prepare(
        cls,
        start_cm: Float[Tensor, "*n 3"],
        end_cm: Float[Tensor, "*n 3"],
        thin: Float[Tensor, "*n 3"],
        thinness: Float[Tensor, "*m"],
        radii_cm: Float[Tensor, "*m 2"],
    ) -> RoundCones:
        """From centres and thin axes in the camera's frame; thinness and radii broadcast over leading axes."""
        start, end = stretched(start_cm, thin, thinness), stretched(end_cm, thin, thinness)
        first, second = radii_cm.expand(*start.shape[:-1], 2).unbind(-1)
        axis, taper = end - start, first - second
        # what the tangent cone keeps of the axis' squared length; next to nothing for a sphere
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
    """Points in the space where a part thinned along ``thin`` is round (the same map takes covectors back)."""
    return points + ((thinness - 1) * (points * thin).sum(-1))[..., None] * thin


def meet(dots: Float[Tensor, "n 3 p"], constants: Float[Tensor, "n 4"]) -> Float[Tensor, "n p"]:
    """Distance along each unit ray to its first point on the part, or `MISS`.

    Args:
        dots: ``RoundCones.vectors @ rays``: n parts, p rays for each.
        constants: of the same parts.
    """
    to_start, to_axis, across = dots.unbind(1)
    to_a, to_b, e, length = (c[:, None] for c in constants.unbind(-1))
    q = 1 + across * across  # squared length of the stretched ray

    # The tangent cone: q2 t^2 + 2 q1 t + q0 = 0, valid between the tangent circles, where 0 < y < length. Written
    # without dividing by q2, the root of the entry holds for rays along the cone (q2 = 0) and inside it too.
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
