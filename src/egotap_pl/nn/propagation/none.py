"""No propagation."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from egotap_pl.core.skeleton import Skeleton
from egotap_pl.nn.propagation.base import Propagation


class NoPropagation(Propagation):
    """Returns the joint features unchanged (Table 2, "Grid ViT")."""

    uses_limbs = False
    passes_through = True

    def __init__(self, skeleton: Skeleton, joint_dim: int) -> None:
        super().__init__()
        self.out_dim = joint_dim

    def forward(self, joint: Float[Tensor, "b j d"], limb: None = None) -> Float[Tensor, "b j d"]:
        """The joint features."""
        return joint
