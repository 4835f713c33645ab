"""From a file's joints to points on a body: those that must be there, and those that may."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from egotap_pl.core.errors import EgotapError
from egotap_pl.synth.motion.bvh.places import places
from egotap_pl.synth.motion.bvh.text import BvhText

LIMBS = (("upperarm", "lowerarm"), ("lowerarm", "hand"), ("thigh", "calf"), ("calf", "foot"))
"""Joints at the ends of the limbs of a side, without the side."""

_TIPS = (("hand_l", "finger_l"), ("hand_r", "finger_r"), ("foot_l", "ball_l"), ("foot_r", "ball_r"))
_PAIRS = [(f"{upper}_{side}", f"{lower}_{side}") for upper, lower in LIMBS for side in "lr"]
_PAIRS += [("neck", "head"), ("upperarm_l", "upperarm_r"), ("thigh_l", "thigh_r")]
_FARTHEST = 1e9  # in any unit

Points = Mapping[str, Float[Tensor, "f 3"]]


def body_points(
    bvh: BvhText, required: Mapping[str, int], optional: Mapping[str, Sequence[int]], where: str
) -> tuple[dict[str, Float[Tensor, "f 3"]], Float[Tensor, "f 3 3"]]:
    """Positions of our joints, and the orientation of the head, in the file's axes and unit.

    An optional joint is the first candidate that is not where the joint before it is: in CMU's files, Spine1 is at the
    same place as Neck. A hand or foot without further joints may have an End Site.

    Args:
        bvh: the file.
        required: index of each required joint.
        optional: indices of the candidates for each optional joint.
        where: name of the file, for messages.

    Raises:
        EgotapError: if two joints of a limb are at the same place, or numbers are too large.
    """
    at, world = places(bvh, {*required.values(), *(index for indices in optional.values() for index in indices)})
    if max(place.abs().max().item() for place in at.values()) > _FARTHEST:
        raise EgotapError(f"{where}: contains places that are more than {_FARTHEST:.0e} units away")
    points = {joint: at[index] for joint, index in required.items()}
    hip = (points["thigh_l"] + points["thigh_r"]) / 2
    least = 0.01 * (points["neck"] - hip).norm(dim=-1).median().item()
    _check_apart(points, least, where)
    before = {tip: ([points[above]], least) for above, tip in _TIPS}
    before |= {"face": ([points["head"]], least), "chest": ([points["neck"], hip], 5 * least)}
    for joint, indices in optional.items():
        others, apart = before[joint]
        distinct = (at[i] for i in indices if all(_distance(at[i], other) > apart for other in others))
        if (place := next(distinct, None)) is not None:
            points[joint] = place
    for above, tip in _TIPS:
        end = bvh.joints[required[above]].tip
        offset = torch.tensor(end or (0.0, 0.0, 0.0), dtype=torch.float64)
        if tip not in points and offset.norm() > least:
            points[tip] = points[above] + world[required[above]] @ offset
    return points, world[required["head"]]


def _check_apart(points: Points, least: float, where: str) -> None:
    for upper, lower in _PAIRS:
        if not _distance(points[upper], points[lower]) > least:
            raise EgotapError(
                f"{where}: {upper} and {lower} are at the same place; say which joints they are: "
                f"joints: {{{upper}: NAME, {lower}: NAME}}"
            )


def _distance(one: Float[Tensor, "f 3"], other: Float[Tensor, "f 3"]) -> float:
    """Least distance in any frame."""
    return (one - other).norm(dim=-1).amin().item()
