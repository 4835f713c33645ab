"""Parts of a user's own, named by their import path in configurations."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from egotap_pl.core.batch import Batch
from egotap_pl.core.skeleton import Skeleton
from egotap_pl.nn.encoders import CnnEncoder
from egotap_pl.nn.propagation.none import NoPropagation
from egotap_pl.tasks import LiftingTask


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


class ListEncoder(CnnEncoder):
    """Keeps layers in a plain list."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.layers = [nn.Linear(self.embedding_dim, self.embedding_dim)]

    def forward(self, maps: Tensor) -> Tensor:
        x: Tensor = self.layers[0](super().forward(maps))
        return x


class TensorEncoder(CnnEncoder):
    """Keeps a weight that is no parameter."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.scale = torch.ones(self.embedding_dim, requires_grad=True)

    def forward(self, maps: Tensor) -> Tensor:
        return super().forward(maps) * self.scale


class LazyEncoder(CnnEncoder):
    """Has a layer whose width is that of its first input."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.last = nn.LazyLinear(self.embedding_dim)

    def forward(self, maps: Tensor) -> Tensor:
        x: Tensor = self.last(super().forward(maps))
        return x


class HiddenTeacher(CnnEncoder):
    """Keeps a frozen network in a list on purpose, so that it is not saved."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.teacher = [nn.Linear(4, 4).requires_grad_(False)]
        self.same = [self.reduce]


class DetachedEncoder(CnnEncoder):
    """Gives features without gradients."""

    def forward(self, maps: Tensor) -> Tensor:
        return super().forward(maps).detach()


class InPlaceEncoder(CnnEncoder):
    """Overwrites what its gradient needs, which only the backward pass notices."""

    def forward(self, maps: Tensor) -> Tensor:
        x = super().forward(maps).exp()
        x += x.exp()
        x.mul_(2)
        return x


class NumberTask(LiftingTask):
    """Has a loss that is a number."""

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        return super().training_step(batch, batch_idx).detach()
