"""Left and right swapped."""

from __future__ import annotations

from dataclasses import replace

import torch

from egotap_pl.synth.figure import BONES, Clip


def _other(name: str) -> str:
    return {"_l": name[:-2] + "_r", "_r": name[:-2] + "_l"}.get(name[-2:], name)


_OTHER = [BONES.index(_other(name)) for name in BONES]


def mirrored(clip: Clip) -> Clip:
    """The clip's mirror image across the world's X = 0 plane: left and right bones swapped."""
    flip = torch.tensor([-1.0, 1.0, 1.0])
    return replace(
        clip,
        rotations=flip[:, None] * clip.rotations[:, _OTHER] * flip,
        root_cm=clip.root_cm * flip,
    )
