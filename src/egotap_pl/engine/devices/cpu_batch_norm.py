"""Batch normalisation over the batches of several CPU processes: torch's own, `torch.nn.SyncBatchNorm`, needs GPUs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.distributed as dist
from lightning.pytorch.plugins import LayerSync
from torch import Tensor, nn

if TYPE_CHECKING:
    _Base = nn.BatchNorm2d
else:
    _Base = object


class _Shared(_Base):
    """Normalises training batches with the mean and variance over the batches of all processes."""

    def forward(self, input: Tensor) -> Tensor:
        if not self.training:
            return super().forward(input)
        self._check_input_dim(input)
        axes = (0, *range(2, input.dim()))
        shape = (1, -1) + (1,) * (input.dim() - 2)
        count = _sum(input.new_tensor([input.numel() / input.shape[1]]))
        mean = _sum(input.sum(axes)) / count
        centred = input - mean.view(shape)
        variance = _sum(centred.square().sum(axes)) / count
        self._track(mean.detach(), (variance * count / (count - 1).clamp(min=1)).detach())
        result = centred * torch.rsqrt(variance + self.eps).view(shape)
        return result * self.weight.view(shape) + self.bias.view(shape) if self.affine else result

    @torch.no_grad()
    def _track(self, mean: Tensor, variance: Tensor) -> None:
        if not self.track_running_stats or self.num_batches_tracked is None:  # the latter while it is computed again
            return
        assert self.running_mean is not None
        assert self.running_var is not None
        self.num_batches_tracked += 1
        share = 1 / float(self.num_batches_tracked) if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean, share)
        self.running_var.lerp_(variance, share)


_SHARED: dict[type[nn.Module], type] = {
    kind: type(f"Shared{kind.__name__}", (_Shared, kind), {}) for kind in (nn.BatchNorm1d, nn.BatchNorm2d)
}


class CpuBatchNorm(LayerSync):
    """Lightning's plugin that makes the layers of batch normalisation in a task share their batches' statistics."""

    def apply(self, model: nn.Module) -> nn.Module:
        """Make the layers share. Their parameters, buffers and names stay."""
        for module in model.modules():
            if type(module) in _SHARED:
                module.__class__ = _SHARED[type(module)]
        return model

    def revert(self, model: nn.Module) -> nn.Module:
        """Make them ordinary layers again."""
        ordinary = {shared: kind for kind, shared in _SHARED.items()}
        for module in model.modules():
            if type(module) in ordinary:
                module.__class__ = ordinary[type(module)]
        return model


class _Sum(torch.autograd.Function):
    """The sum over all processes. Its gradient is the sum of theirs: every process's loss depends on every batch."""

    @staticmethod
    def forward(ctx: object, value: Tensor) -> Tensor:
        total = value.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: object, gradient: Tensor) -> Tensor:
        total = gradient.contiguous().clone()
        dist.all_reduce(total)
        return total


def _sum(value: Tensor) -> Tensor:
    total: Tensor = _Sum.apply(value)
    return total
