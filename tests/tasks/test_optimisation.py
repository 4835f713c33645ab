"""Optimisers that update all weights at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import lightning as L
import pytest
import torch
from plain_trainer import plain_trainer

from egotap_pl.tasks.optimisation import fuse, optimisation


def trained(make: Callable[[Any], torch.optim.Optimizer], is_fused: bool) -> tuple[torch.nn.Module, Any]:
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(5, 7), torch.nn.Tanh(), torch.nn.Linear(7, 3))
    optimizer = make(net.parameters())
    if is_fused:
        fuse(optimizer)
    inputs = torch.randn(20, 11, 5)
    for batch in inputs:
        optimizer.zero_grad()
        net(batch).square().mean().backward()
        optimizer.step()
    return net, optimizer


@pytest.mark.parametrize(
    "make",
    [
        lambda weights: torch.optim.Adam(weights, 1e-2),
        lambda weights: torch.optim.AdamW(weights, 1e-2, eps=1e-4, weight_decay=0.1),
        lambda weights: torch.optim.SGD(weights, 1e-2, momentum=0.9),
    ],
    ids=["Adam", "AdamW", "SGD"],
)
def test_fused_steps_are_equal_to_rounding(make: Callable[[Any], torch.optim.Optimizer]) -> None:
    (one, fused), (other, loop) = trained(make, is_fused=True), trained(make, is_fused=False)
    assert fused.param_groups[0]["fused"] is True
    assert loop.param_groups[0]["fused"] is None
    for a, b in zip(one.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6)


def test_a_state_of_an_earlier_version_goes_on() -> None:
    """Checkpoints have their optimiser's settings: a training goes on as it began."""
    net, loop = trained(torch.optim.Adam, is_fused=False)
    again = torch.optim.Adam(net.parameters())
    fuse(again)
    again.load_state_dict(loop.state_dict())
    net(torch.ones(1, 5)).sum().backward()
    again.step()
    assert again.param_groups[0]["fused"] is None
    assert float(next(iter(again.state.values()))["step"]) == 21


@pytest.mark.parametrize(
    ("optimizer", "settings"), [("Adam", {"fused": False}), ("AdamW", {"foreach": True}), ("Rprop", {})]
)
def test_what_is_chosen_or_impossible_stays(optimizer: str, settings: dict[str, Any]) -> None:
    made = getattr(torch.optim, optimizer)([torch.nn.Parameter(torch.ones(2))], **settings)
    before = dict(made.param_groups[0])
    fuse(made)
    assert {k: v for k, v in made.param_groups[0].items() if k != "params"} == {
        k: v for k, v in before.items() if k != "params"
    }


def test_weights_that_torch_cannot_fuse_stay() -> None:
    made = torch.optim.Adam([torch.nn.Parameter(torch.ones(2, device="meta"))])
    fuse(made)
    assert made.param_groups[0]["fused"] is None


@pytest.mark.parametrize(("max_steps", "total"), [(-1, 50), (7, 7)])
def test_an_epoch_is_as_long_with_fewer_steps(max_steps: int, total: int) -> None:
    """Ten batches whose gradients are summed by twos are five steps, however soon the training ends."""
    seen = []

    def schedule(optimizer: torch.optim.Optimizer, total_steps: int, steps_per_epoch: int) -> Any:
        seen.append((total_steps, steps_per_epoch))
        return torch.optim.lr_scheduler.ConstantLR(optimizer)

    class Task(L.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.weight = torch.nn.Parameter(torch.zeros(()))

        def training_step(self, batch: Any, batch_idx: int) -> torch.Tensor:
            return self.weight.square()

        def configure_optimizers(self) -> Any:
            return optimisation(self, torch.optim.SGD(self.parameters(), lr=0.1), schedule)

    trainer = plain_trainer(max_epochs=10, max_steps=max_steps, accumulate_grad_batches=2)
    trainer.fit(Task(), torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.zeros(10, 1))))
    assert seen == [(total, 5)]
