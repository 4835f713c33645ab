"""What a lifter may rely on in a propagation."""

from __future__ import annotations

from typing import ClassVar

from torch import nn


class Propagation(nn.Module):
    """Maps joint and relational features, both ``b j d``, to propagated features ``b j p`` with p = ``out_dim``.

    A lifter makes it by ``factory(skeleton=..., joint_dim=...)``, where the skeleton's parents are the order of
    propagation, and calls it as ``propagation(joint, limb)``; ``limb`` is None unless ``uses_limbs``.
    """

    uses_limbs: ClassVar[bool]
    """Whether it needs relational features."""
    passes_through: ClassVar[bool] = False
    """Whether its output is the joint feature unchanged, so that an embedding can do without joint features."""
    out_dim: int
