"""One batch is learnt by heart: task, network, loss and optimiser are wired correctly."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from composed import compose

from egotap_pl.core.batch import Batch, DataFacts
from egotap_pl.core.camera import StereoRig
from egotap_pl.core.heatmap import joint_heatmaps
from egotap_pl.core.skeleton import unrealego
from egotap_pl.engine.build import build
from egotap_pl.metrics import mpjpe_mm
from egotap_pl.tasks.schedules import warmup_cosine

FRAMES = 4


@pytest.fixture
def batch() -> Batch:
    """Scattered joints in front of the cameras, and images of random pixels."""
    torch.manual_seed(0)
    rig, joints = StereoRig.unrealego(), unrealego().num_joints
    points_cm = torch.randn(FRAMES, joints, 3) * 20 + torch.tensor([0.0, 0.0, 60.0])
    points2d_px, _ = rig.project(points_cm)
    origin_cm = rig.to_views(torch.tensor([0.0, 0.0, 60.0]).expand(FRAMES, 1, 3))[:, :, 0]
    return Batch(
        images=torch.randint(0, 256, (FRAMES, 2, 3, 128, 128), dtype=torch.uint8),
        points2d_px=points2d_px,
        pose_cm=points_cm - torch.tensor([0.0, 0.0, 60.0]),
        origin_cm=origin_cm,
        visibility=torch.ones(FRAMES, 2, joints, dtype=torch.uint8),
        category=torch.zeros(FRAMES, dtype=torch.int64),
        frame=torch.arange(FRAMES),
    )


@pytest.fixture
def facts(batch: Batch) -> DataFacts:
    return DataFacts(unrealego(), ("all",), batch.pose_cm.mean(0))


def fit(task: Any, batch: Batch, steps: int, learning_rate: float, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(type(task), "log_dict", lambda *_, **__: None)
    optimizer = torch.optim.AdamW(task.parameters(), lr=learning_rate)
    schedule = warmup_cosine(optimizer, steps, steps_per_epoch=20, warmup_epochs=1)  # as the tiny protocol
    task.train()
    for k in range(steps):
        outcome = task.training_step(batch, k)
        loss = outcome["loss"] if isinstance(outcome, dict) else outcome
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return outcome


@pytest.mark.slow
def test_the_tiny_lifter_learns_a_batch_to_a_centimetre(
    batch: Batch, facts: DataFacts, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = compose("scale=tiny", "heatmaps=truth")
    task = build(settings["training"]["task"])(facts)
    fit(task, batch, 150, 1e-3, monkeypatch)
    with torch.no_grad():
        assert mpjpe_mm(task(batch), task.truth_cm(batch)).mean() < 10


def painted(batch: Batch) -> Batch:
    """The batch with visible joints: a patch of its own colour at each."""
    maps = joint_heatmaps(batch.points2d_px, unrealego(), 32)
    colours = torch.rand(maps.shape[2], 3)
    images = torch.einsum("bvjhw,jc->bvchw", maps, colours).clamp(max=1).mul(255).to(torch.uint8)
    return batch._replace(images=images.repeat_interleave(4, -1).repeat_interleave(4, -2))


@pytest.mark.slow
def test_the_tiny_estimator_does_not_stay_at_all_zero_heatmaps(
    batch: Batch, facts: DataFacts, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = compose("scale=tiny")
    task = build(settings["estimators"]["joint"]["task"])(facts)
    outcome = fit(task, painted(batch), 50, 2e-3, monkeypatch)
    assert outcome["loss"] < 0.5 * outcome["zero_loss"]


@pytest.mark.slow
def test_the_tiny_image_lifter_learns_a_batch_and_where_it_is(
    batch: Batch, facts: DataFacts, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = compose("scale=tiny", "experiment=beyond/egoposeformer_estimated_origin")
    task, seen = build(settings["training"]["task"])(facts._replace(rig=StereoRig.unrealego())), painted(batch)
    with torch.no_grad():
        before = task.loss_terms(seen)
    fit(task, seen, 150, 1e-3, monkeypatch)
    with torch.no_grad():
        after = task.loss_terms(seen)
    assert after["mpjpe"] < 0.8 * before["mpjpe"]
    assert after["mpjpe"] < 0.95 * after["earlier"] / 3  # refining helps
    assert after["origin"] < 0.05 * before["origin"]
