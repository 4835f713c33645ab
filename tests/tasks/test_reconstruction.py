"""The tasks of Table 3: what is trained, what is frozen, and what the errors mean."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from test_baseline_tasks import SKELETON, facts, make_batch

from egotap_pl.core.batch import Batch, Heatmaps
from egotap_pl.nn.decoders import EmbeddingDecoder, FeatureDecoder, PerJointDecoder
from egotap_pl.nn.encoders import CnnEncoder, Encoder, GridViTEncoder
from egotap_pl.tasks import ReconstructionTask, ZerosTask
from egotap_pl.tasks.heatmap_sources import TrueHeatmaps
from egotap_pl.tasks.schedules import warmup_cosine

SMALL: dict[str, Any] = {"channels": (4, 8), "hidden_dims": (16,)}
ROWS: dict[str, tuple[Callable[..., Encoder], Callable[..., FeatureDecoder]]] = {
    "cnn": (partial(CnnEncoder, **SMALL, embedding_dim=8), partial(EmbeddingDecoder, **SMALL)),
    "grid_vit": (
        partial(GridViTEncoder, patches_per_side=2, width=16, depth=1, heads=2, mlp_width=16, hidden_dims=(16,)),
        partial(PerJointDecoder, **SMALL),
    ),
}


def make_task(row: str) -> ReconstructionTask:
    torch.manual_seed(0)
    encoder, decoder = ROWS[row]
    return ReconstructionTask(
        facts(),
        heatmaps=partial(TrueHeatmaps, heatmap_px=16),
        encoder=encoder,
        joint_dim=8,
        decoder=decoder,
        optimizer=partial(torch.optim.AdamW, lr=1e-2),
        schedule=partial(warmup_cosine, warmup_epochs=1),
    )


def error_by_hand(task: ZerosTask, *batches: Batch) -> tuple[torch.Tensor, torch.Tensor]:
    with torch.no_grad():
        maps = torch.cat([task.maps(batch) for batch in batches]).double()
        rebuilt = torch.cat([task(batch) for batch in batches]).double()
    return (maps - rebuilt).square().mean((0, 2, 3, 4)), maps.square().mean()


@pytest.mark.parametrize("row", ROWS)
def test_the_decoder_learns_and_the_encoder_does_not(row: str, monkeypatch: pytest.MonkeyPatch) -> None:
    task, batch = make_task(row).train(), make_batch(8)
    before = {name: value.clone() for name, value in task.encoder.state_dict().items()}
    monkeypatch.setattr(task, "log", lambda *_, **__: None)
    optimizer = torch.optim.AdamW([p for p in task.parameters() if p.requires_grad], lr=1e-2)
    losses = []
    for _ in range(60):
        optimizer.zero_grad()
        loss = task.training_step(batch, 0)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.9 * losses[0]
    assert losses[0] == pytest.approx(task.maps(batch).square().mean().item(), rel=1e-5)  # starts at all-zero heatmaps
    after = task.encoder.state_dict()
    assert all(torch.equal(after[name], value) for name, value in before.items())
    trained = {name for name, p in task.named_parameters() if p.requires_grad}
    assert trained == {name for name, _ in task.named_parameters() if name.startswith("decoder.")}
    assert all(
        p.grad is not None and p.grad.any() for n, p in task.named_parameters() if n.endswith("weight") and n in trained
    )


@pytest.mark.parametrize("row", ROWS)
def test_errors_are_per_pixel_over_all_frames(row: str) -> None:
    task, first, second = make_task(row).eval(), make_batch(5), make_batch(2)
    torch.nn.init.ones_(task.decoder.decode.deconvs[-1][1].weight)
    with torch.no_grad():
        task.test_step(first, 0)
        task.test_step(second, 1)
    per_view, zeros = error_by_hand(task, first, second)
    results = task.test_results()
    assert results["mse"] == pytest.approx(per_view.mean().item(), rel=1e-5)
    assert results["zeros_mse"] == pytest.approx(zeros.item(), rel=1e-5)
    assert list(results["per_view"].values()) == pytest.approx(per_view.tolist(), rel=1e-5)


def test_zeros_score_the_mean_square_of_their_input() -> None:
    task, batch = ZerosTask(facts(), partial(TrueHeatmaps, heatmap_px=16)), make_batch(3)
    cached = Heatmaps(torch.rand(3, 2, SKELETON.num_heatmap_joints, 16, 16), torch.zeros(3, 2, 15, 2, 16, 16))
    task.test_step(batch._replace(heatmaps=cached), 0)
    results = task.test_results()
    assert results["mse"] == pytest.approx(cached.joint.square().mean().item(), rel=1e-5)
    assert results["mse"] == results["zeros_mse"]
    assert not list(task.parameters())
