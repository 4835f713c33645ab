"""Gradient checkpointing: activations are computed again in the backward pass instead of being kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import cast

from torch import Tensor, is_grad_enabled, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint


class Recomputing:
    """Base class of networks whose parts can be computed again. Their parts have no random numbers."""

    recompute: bool = False
    """Whether only the inputs of the parts are kept for the backward pass. Results do not change."""

    def run(self, part: Callable[..., Tensor], *inputs: Tensor) -> Tensor:
        """The output of a part of the network.

        Args:
            part: the part, or a function that calls parts.
            *inputs: its inputs.
        """
        if not self.recompute or not is_grad_enabled():
            return part(*inputs)
        contexts = partial(_contexts, cast(nn.Module, self))
        output: Tensor = checkpoint(part, *inputs, use_reentrant=False, preserve_rng_state=False, context_fn=contexts)
        return output


def set_recomputing(network: nn.Module, recompute: bool = True) -> None:
    """Switches gradient checkpointing on or off in all parts of a network that have it."""
    for part in network.modules():
        if isinstance(part, Recomputing):
            part.recompute = recompute


def _contexts(network: nn.Module) -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
    return nullcontext(), _statistics_kept(network)


@contextmanager
def _statistics_kept(network: nn.Module) -> Iterator[None]:
    """Keeps the layers of batch normalisation from counting a batch a second time."""
    layers = [layer for layer in network.modules() if isinstance(layer, _BatchNorm) and layer.track_running_stats]
    before = [(layer.momentum, layer.num_batches_tracked) for layer in layers]
    for layer in layers:  # still tracking: the same tensors must be saved as in the forward pass
        layer.momentum, layer.num_batches_tracked = 0.0, None
    try:
        yield
    finally:
        for layer, (momentum, batches) in zip(layers, before, strict=True):
            layer.momentum, layer.num_batches_tracked = momentum, batches
