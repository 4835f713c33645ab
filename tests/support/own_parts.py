"""Parts of a user's own, named by their import path in configurations."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from egotap_pl.core.skeleton import Skeleton
from egotap_pl.nn.encoders import CnnEncoder
from egotap_pl.nn.propagation.none import NoPropagation


class PlainLifter(nn.Module):
    """A lifter that starts from no pose."""

    def __init__(self, skeleton: Skeleton, heatmap_px: int, **settings: object) -> None:
        super().__init__()


class Wide(NoPropagation):
    """Gives features of another width than it says."""

    def forward(self, joint: Tensor, limb: Tensor | None = None) -> Tensor:
        return torch.cat([joint, joint], dim=-1)


class Values(NoPropagation):
    """Looks at values, which the meta device cannot do."""

    def forward(self, joint: Tensor, limb: Tensor | None = None) -> Tensor:
        return joint if float(joint.detach().abs().max()) < 1e9 else -joint


class WideEncoder(CnnEncoder):
    """Gives an embedding of another width than it says."""

    def forward(self, maps: Tensor) -> Tensor:
        return torch.cat([super().forward(maps)] * 2, dim=-1)


class TupleEncoder(CnnEncoder):
    """Gives no tensor."""

    def forward(self, maps: Tensor) -> Tensor:
        return (super().forward(maps),)  # type: ignore[return-value]  # the mistake


class DoubleEncoder(CnnEncoder):
    """Gives numbers of another precision, which the meta device does not notice."""

    def forward(self, maps: Tensor) -> Tensor:
        return super().forward(maps).double()


class NanEncoder(CnnEncoder):
    """Gives no numbers."""

    def forward(self, maps: Tensor) -> Tensor:
        return super().forward(maps) * torch.nan


class NoEncoder(torch.nn.Module):
    """Does not inherit from an encoder."""

    def __init__(self, **_: object) -> None:
        super().__init__()
