"""Colours of a body's surface: skin, cloth and its pattern, under the light of the surroundings."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from egotap_pl.synth.body import Body, PlacedParts, Wear
from egotap_pl.synth.roundcone import stretched
from egotap_pl.synth.surroundings import Surroundings

_FOLD_CM = (2.1, 3.3)
_FOLD = 0.06


def surface(
    points_cm: Float[Tensor, "n 3"], parts: PlacedParts, body: Body, part: Int[Tensor, "n"], row: Int[Tensor, "n"]
) -> tuple[Float[Tensor, "n 3"], Float[Tensor, "n 3"]]:
    """Unit normals and unlit colours of points on the body.

    Args:
        points_cm: the points, in the same coordinate frame as ``parts``.
        parts: the body's parts.
        body: the body.
        part: index of the part that each point lies on.
        row: row of that part in ``parts``, with leading axes and parts flattened.
    """
    table = torch.cat((parts.start_cm, parts.end_cm, parts.thin, parts.weave.flatten(-2)), -1).view(-1, 15)
    start, end, thin, first, second = table.index_select(0, row).split(3, -1)
    shape = torch.cat((body.radii_cm, body.thinness[:, None], body.cover[:, None]), -1).index_select(0, part)
    radius, radius_end, thinness, cover = shape.unbind(-1)
    local = points_cm - start
    axis, round_local = stretched(end - start, thin, thinness), stretched(local, thin, thinness)
    taper = radius - radius_end
    length = (axis.square().sum(-1) - taper.square()).clamp(min=1e-8)
    along = (((round_local * axis).sum(-1) - radius * taper) / length).clamp(0, 1)
    normal = stretched(round_local - along[:, None] * axis, thin, thinness)
    u, v = (local * first).sum(-1), (local * second).sum(-1)
    unit = normal * normal.square().sum(-1, keepdim=True).clamp(min=1e-12).rsqrt()  # much faster than `normalize`
    return unit, _cloth(body, part, along > cover, u, v)


def _cloth(
    body: Body, part: Int[Tensor, "n"], bare: Tensor, u: Float[Tensor, "n"], v: Float[Tensor, "n"]
) -> Float[Tensor, "n 3"]:
    subject = body.subject
    wear = body.wear[part]
    wear = torch.where(bare, int(Wear.SKIN), wear)
    colour = u.new_tensor((*subject.colours, subject.frame))[wear]
    across, along = (torch.remainder(x / (2 * subject.stripe_cm), 1.0) < 0.5 for x in (u, v))
    amount = subject.stripes[0] * across + subject.stripes[1] * along
    amount = torch.where(wear == int(Wear.SHIRT), amount, 0.0)
    colour = torch.lerp(colour, u.new_tensor(subject.trim).expand_as(colour), amount[:, None])
    fold = _FOLD * torch.sin(u / _FOLD_CM[0] + 2 * torch.sin(v / _FOLD_CM[1]))
    cloth = (wear == int(Wear.SHIRT)) | (wear == int(Wear.TROUSERS))
    return colour * (1 + torch.where(cloth, fold, 0.0))[:, None]


def shaded(
    normals: Float[Tensor, "n 3"],
    colours: Float[Tensor, "n 3"],
    to_sun: Float[Tensor, "n 3"],
    up: Float[Tensor, "n 3"],
    surroundings: Surroundings,
) -> Float[Tensor, "n 3"]:
    """Colours of points under light (Lambert's law): from the sun, and from all directions, most of it from above.

    Args:
        normals: unit normals.
        colours: unlit colours.
        to_sun: unit directions towards the sun, in the axes of the normals.
        up: unit directions upwards, in the axes of the normals.
        surroundings: whose light it is.
    """
    sun = (normals * to_sun).sum(-1, keepdim=True).clamp(min=0)
    sky = 0.8 + 0.2 * (normals * up).sum(-1, keepdim=True)
    return colours * (sky * surroundings.ambient + sun * surroundings.sun)
