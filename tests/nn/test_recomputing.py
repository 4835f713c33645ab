"""Gradient checkpointing gives the same losses, gradients and statistics, and keeps less for the backward pass."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from tiny_lifter import make_lifter
from torch import nn
from torch.autograd.graph import saved_tensors_hooks

from egotap_pl.core.skeleton import unrealego
from egotap_pl.nn.baselines import EgoGlassEstimator
from egotap_pl.nn.blocks import Transformer
from egotap_pl.nn.estimator import JointEstimator, LimbEstimator
from egotap_pl.nn.recomputing import set_recomputing

WIDTHS: dict[str, Any] = {"width": 4, "lateral_widths": (4, 8, 8, 16), "decoder_widths": (8, 8, 8)}
IMAGES = (torch.rand(2, 2, 3, 64, 64),)
HEATMAPS = (torch.rand(3, 2, 15, 16, 16), torch.rand(3, 2, 15, 2, 16, 16))
NETWORKS = {
    "joint estimator": (lambda: JointEstimator(unrealego(), **WIDTHS), IMAGES),
    "limb estimator": (lambda: LimbEstimator(unrealego(), **WIDTHS), IMAGES),
    "EgoGlass": (lambda: EgoGlassEstimator(unrealego(), width=4), IMAGES),
    "lifter": (lambda: make_lifter(unrealego()), HEATMAPS),
    "lifter with Channel ViT": (lambda: make_lifter(unrealego(), "channel_vit"), HEATMAPS),
}


def step(network: nn.Module, inputs: tuple[torch.Tensor, ...]) -> tuple[dict[str, torch.Tensor], int]:
    """Outputs, gradients and statistics of two training steps, and bytes that the last one keeps for its backward."""
    sizes: dict[int, int] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        sizes[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    found: dict[str, torch.Tensor] = {}
    for number in range(2):
        network.zero_grad()
        sizes.clear()
        with saved_tensors_hooks(keep, lambda tensor: tensor):
            output = network(*inputs)
        outputs = output if isinstance(output, tuple) else (output,)
        kept = sum(sizes.values())
        sum((k + 1) * value.square().mean() for k, value in enumerate(outputs)).backward()
        found |= {f"output {number} {k}": value.detach() for k, value in enumerate(outputs)}
    found |= {f"gradient {name}": p.grad for name, p in network.named_parameters() if p.grad is not None}
    found |= dict(network.named_buffers())
    return found, kept


@pytest.mark.parametrize("name", NETWORKS)
def test_nothing_changes_but_memory(name: str) -> None:
    make, inputs = NETWORKS[name]
    torch.manual_seed(0)
    plain = make().train()
    for parameter in plain.parameters():
        if not parameter.any():  # a last layer of zeros, below which there are no gradients
            nn.init.normal_(parameter, std=0.1)
    other = copy.deepcopy(plain)
    set_recomputing(other)
    (expected, much), (found, little) = step(plain, inputs), step(other, inputs)
    assert found.keys() == expected.keys()
    assert sum(name.startswith("gradient") for name in found) == sum(1 for _ in plain.parameters())
    for key, value in expected.items():
        torch.testing.assert_close(found[key], value, rtol=1e-6, atol=1e-6, msg=f"{key} differs")
    assert little < 0.9 * much
    assert other.state_dict().keys() == plain.state_dict().keys()


def test_it_can_be_switched_off_and_does_nothing_without_gradients() -> None:
    network = Transformer(8, depth=2, heads=2, mlp_width=16)
    tokens = torch.rand(2, 5, 8)
    calls = []
    network[0].register_forward_pre_hook(lambda *_: calls.append(0))
    for recompute, expected in ((True, 2), (False, 1)):
        set_recomputing(network, recompute)
        calls.clear()
        network(tokens).sum().backward()
        assert len(calls) == expected
    set_recomputing(network)
    with torch.inference_mode():
        network(tokens)
    assert len(calls) == 2
