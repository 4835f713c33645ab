"""Batch normalisation in two processes against torch's in one, with the whole batch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from processes import CONTEXT
from torch import Tensor, nn

from egotap_pl.engine.devices.cpu_batch_norm import CpuBatchNorm

ROWS = (5, 3)
"""Frames of each process."""


def network(momentum: float | None) -> nn.Sequential:
    torch.manual_seed(0)
    layers = (nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3, momentum=momentum), nn.ReLU(), nn.Flatten(), nn.Linear(48, 4))
    return nn.Sequential(*layers, nn.BatchNorm1d(4, momentum=momentum)).double()


def inputs() -> Tensor:
    return 3 + 5 * torch.randn(sum(ROWS), 2, 6, 6, generator=torch.Generator().manual_seed(1)).double()


def train(model: nn.Module, rows: Tensor) -> tuple[list[Tensor], dict[str, Tensor], Tensor]:
    """Gradients of a sum over the frames, the state after two steps, and what the network then gives in evaluation."""
    weights = torch.linspace(-1, 2, 4).double()
    for _ in range(2):
        model.zero_grad()
        (model(rows).pow(3) * weights).sum().backward()
    gradients = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
    return gradients, model.state_dict(), model.eval()(rows).detach()


def one_of_two(rank: int, rendezvous: str, momentum: float | None) -> Any:
    torch.distributed.init_process_group("gloo", init_method=f"file://{rendezvous}", rank=rank, world_size=2)
    try:
        model = CpuBatchNorm().apply(network(momentum))
        gradients, state, outputs = train(model, inputs().split(ROWS)[rank])
        assert type(CpuBatchNorm().revert(model)[1]) is nn.BatchNorm2d
        torch.distributed.barrier()  # torch 2.6 hangs if the group is destroyed while it lets go of the last sum
        return gradients, state, outputs
    finally:
        torch.distributed.destroy_process_group()


@pytest.mark.parametrize("momentum", [0.1, None])
def test_two_processes_normalise_as_one(tmp_path: Path, momentum: float | None) -> None:
    """Unlike shares of the batch; the gradients of both processes add up to those of the whole batch."""
    with CONTEXT.Pool(2) as pool:
        jobs = [(rank, str(tmp_path / "rendezvous"), momentum) for rank in range(2)]
        first, second = pool.starmap_async(one_of_two, jobs, chunksize=1).get(120)
    gradients, state, outputs = train(network(momentum), inputs())
    torch.testing.assert_close([a + b for a, b in zip(first[0], second[0], strict=True)], gradients)
    for shared in (first[1], second[1]):
        torch.testing.assert_close(shared, state)
    torch.testing.assert_close(torch.cat([first[2], second[2]]), outputs)
