"""The interface of propagations."""

from __future__ import annotations

from typing import ClassVar

from jaxtyping import Float
from torch import Tensor, nn

from egotap_pl.core.skeleton import Skeleton


class Propagation(nn.Module):
    """Maps joint and relational features, both ``b j d``, to propagated features ``b j p`` with p = ``out_dim``.

    A lifter makes its propagation with ``factory(skeleton=..., joint_dim=...)`` and calls it as
    ``propagation(joint, limb)``. The skeleton's parents define the order of propagation; ``limb`` is None unless
    ``uses_limbs``.
    """

    uses_limbs: ClassVar[bool]
    """Whether it reads relational features."""

    passes_through: ClassVar[bool] = False
    """Whether it returns the joint features unchanged, so that a lifter with an embedding needs no joint features."""

    reads_past: ClassVar[bool] = False
    """Whether it reads windows of frames. Then `over_time` is called."""

    out_dim: int
    """Width of a propagated feature."""

    def over_time(self, joint: Float[Tensor, "b t j d"], limb: Float[Tensor, "b t j d"] | None) -> Tensor:
        """The propagated features ``b j p`` of the last frame of each window; only if it ``reads_past``."""
        raise NotImplementedError


class RecurrentPropagation(Propagation):
    """A propagation by recurrent layers along the skeleton's tree.

    Args:
        skeleton: its parents define the order of propagation.
        joint_dim: width of joint and relational features.
        state_dim: width of the propagated feature; None: as wide as a joint feature (paper).
        num_layers: number of stacked layers (paper 3.3: 2).
    """

    def __init__(
        self, skeleton: Skeleton, joint_dim: int, *, state_dim: int | None = None, num_layers: int = 2
    ) -> None:
        super().__init__()
        self.out_dim = state_dim or joint_dim
        self._build_layers(skeleton, joint_dim, num_layers)

    def _build_layers(self, skeleton: Skeleton, joint_dim: int, num_layers: int) -> None:
        """Builds the layers, whose states are ``out_dim`` wide."""
        raise NotImplementedError
