"""Mirror images of motions."""

from __future__ import annotations

from dataclasses import replace

import torch

from egotap_pl.synth.figure import BONES, Clip


def _other(name: str) -> str:
    return {"_l": name[:-2] + "_r", "_r": name[:-2] + "_l"}.get(name[-2:], name)


_OTHER = [BONES.index(_other(name)) for name in BONES]


def mirrored(clip: Clip) -> Clip:
    """Mirror image of a clip across the world's plane X = 0, with left and right bones swapped."""
    flip = torch.tensor([-1.0, 1.0, 1.0])
    return replace(
        clip,
        rotations=flip[:, None] * clip.rotations[:, _OTHER] * flip,
        root_cm=clip.root_cm * flip,
    )
