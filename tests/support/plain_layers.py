"""Small decoders, and helpers for tests that write a network out with functions."""

from __future__ import annotations

from functools import partial

import torch
import torch.nn.functional as F

from egotap_pl.nn.decoders import EmbeddingDecoder, PerJointDecoder

DECODERS = {
    "embedding": partial(EmbeddingDecoder, channels=(4, 8), hidden_dims=(24,)),
    "per_joint": partial(PerJointDecoder, channels=(4, 8), hidden_dims=(24,)),
}


def settled(module: torch.nn.Module) -> torch.nn.Module:
    """The module in evaluation mode, with random batch statistics and gains, as after a training."""
    for norm in module.modules():
        if isinstance(norm, (torch.nn.BatchNorm1d, torch.nn.BatchNorm2d)):
            for tensor in (norm.weight.data, norm.running_var):
                tensor.uniform_(0.5, 2)
            for tensor in (norm.bias.data, norm.running_mean):
                tensor.normal_()
    return module.eval()


def normed(x, norm):
    return F.batch_norm(x, norm.running_mean, norm.running_var, norm.weight, norm.bias, False, eps=1e-5)
