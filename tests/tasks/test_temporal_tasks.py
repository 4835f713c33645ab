"""A temporal head learns after every lifter, with whatever else that lifter learns."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from composed import compose, facts, make_batch
from random_checkpoints import randomise

from egotap_pl.core.batch import Batch, Past
from egotap_pl.core.errors import EgotapError
from egotap_pl.engine.build import build
from egotap_pl.losses import mpjpe_cm

METHODS = ("table1/egotap", "table1/unrealego", "table1/ego3dpose", "table1/egoglass")
SIZE = ("scale=smoke", "window=unrealego2", "scale.start_from_mean_pose=false")


def task_of(*overrides: str) -> Any:
    torch.manual_seed(0)
    task = build(compose(*overrides, *SIZE)["training"]["task"])(facts("egosynth"))
    randomise(task)
    return task


def with_past(image_px: int) -> Batch:
    """Two frames with three earlier ones each, of which they share one."""
    one, other = make_batch("egosynth", image_px)[:7], make_batch("egosynth", image_px)[:7]
    columns: Any = [torch.cat((a, b, a[:1])) for a, b in zip(one, other, strict=True)]
    frames = Batch(*columns)
    return make_batch("egosynth", image_px)._replace(past=Past(frames, torch.tensor([[0, 1, 2], [2, 3, 4]])))


@pytest.mark.parametrize("method", METHODS)
def test_the_head_reads_the_poses_of_the_window(method: str) -> None:
    task = task_of(f"experiment={method}", "temporal=causal_attention").eval()
    batch = with_past(64)
    with torch.no_grad():
        last, earlier = (task.lifter(*task.maps(frames)) for frames in (batch, batch.past.frames))
        windows = torch.cat((earlier[batch.past.position], last[:, None]), 1)
        torch.testing.assert_close(task(batch), task.temporal(windows), rtol=1e-4, atol=1e-4)
        alone = task(batch._replace(past=None))
        torch.testing.assert_close(alone, task.temporal(last[:, None]), rtol=1e-4, atol=1e-4)
    assert not torch.allclose(alone, task.temporal(windows), atol=1e-2)


@pytest.mark.parametrize("method", METHODS)
def test_every_weight_of_the_head_learns(method: str) -> None:
    task = task_of(f"experiment={method}", "temporal=causal_attention").train()
    loss, _ = task.loss(task.loss_terms(with_past(64)))
    loss.backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in task.temporal.parameters())
    assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in task.lifter.parameters())


READERS = [
    *((method, "temporal=causal_attention") for method in METHODS),
    *((method, "lifter/propagation=temporal") for method in ("table1/egotap", "table1/unrealego", "table1/egoglass")),
]


@pytest.mark.parametrize(("method", "reader"), READERS)
def test_movement_is_that_of_the_poses_of_this_frame_and_the_one_before(method: str, reader: str) -> None:
    task = task_of(f"experiment={method}", reader, "heatmaps.cache=false", "+training.task.loss_weights.movement=0.1")
    batch = with_past(64)
    assert batch.past is not None
    past, position = batch.past
    columns: Any = [column[position[:, -1]] for column in past[:7]]
    before = Batch(*columns)._replace(past=Past(past, position[:, :-1]))
    task.eval()
    terms = task.loss_terms(batch)
    with torch.no_grad():
        torch.testing.assert_close(terms["mpjpe"], mpjpe_cm(task(batch), task.truth_cm(batch)), rtol=1e-4, atol=1e-4)
        moved = task(batch) - task(before) - (task.truth_cm(batch) - task.truth_cm(before))
    torch.testing.assert_close(terms["movement"], moved.norm(dim=-1).mean(), rtol=1e-4, atol=1e-4)
    task.loss(terms)[0].backward()
    assert task.loss_terms(batch._replace(past=None))["movement"] == 0


def test_movement_is_refused_where_nothing_reads_earlier_frames() -> None:
    with pytest.raises(EgotapError, match=r"loss_weights\.movement: nothing in this lifter reads earlier frames"):
        task_of("experiment=table1/egotap", "+training.task.loss_weights.movement=0.1")


def test_without_a_head_earlier_frames_change_nothing() -> None:
    task = task_of("experiment=table1/egotap", "heatmaps=truth").eval()
    batch = with_past(64)
    with torch.no_grad():
        assert torch.equal(task(batch), task(batch._replace(past=None)))
