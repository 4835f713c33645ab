"""The guards against collapse and divergence."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import lightning as L
import pytest
import torch
from plain_trainer import plain_trainer

from egotap_pl.core.errors import EgotapError
from egotap_pl.tasks.callbacks import CollapseGuard, DivergenceGuard, HeatmapCollapse


def follow(guard: CollapseGuard, losses: list[float], first_step: int = 0, per_epoch: int = 10) -> None:
    """Runs the guard over a training with these losses. The loss of all-zero heatmaps is 1."""
    strategy = SimpleNamespace(reduce=lambda value, reduce_op: value)
    trainer = Mock(spec=L.Trainer, num_training_batches=per_epoch, strategy=strategy, accumulate_grad_batches=1)
    task = Mock(spec=L.LightningModule, device=torch.device("cpu"))
    for k, loss in enumerate(losses, first_step + 1):
        trainer.global_step = k
        guard.on_train_batch_end(trainer, task, {"loss": torch.tensor(loss), "zero_loss": torch.tensor(1.0)}, None, k)


def test_an_estimator_at_the_loss_of_zero_heatmaps_has_collapsed() -> None:
    with pytest.raises(HeatmapCollapse, match="after 20 steps"):
        follow(CollapseGuard(after_epochs=2), [1.0] * 30)


def test_a_learning_estimator_passes_even_after_a_bad_start() -> None:
    follow(CollapseGuard(after_epochs=2), [3.0] + [0.5] * 40)


def test_the_losses_are_compared_once() -> None:
    follow(CollapseGuard(after_epochs=1), [0.5] * 10 + [1.0] * 100)


def test_a_loss_that_is_not_a_number_counts_as_collapse() -> None:
    with pytest.raises(HeatmapCollapse):
        follow(CollapseGuard(after_epochs=1), [float("nan")] * 10)


def test_a_resumed_training_is_judged_like_an_uninterrupted_one() -> None:
    losses = [1.0] * 8 + [0.9] * 2
    first, second = CollapseGuard(after_epochs=1), CollapseGuard(after_epochs=1)
    follow(first, losses[:6])
    second.load_state_dict(first.state_dict())
    with pytest.raises(HeatmapCollapse) as resumed:
        follow(second, losses[6:], first_step=6)
    with pytest.raises(HeatmapCollapse) as whole:
        follow(CollapseGuard(after_epochs=1), losses)
    assert str(resumed.value) == str(whole.value)


class Constant(L.LightningModule):
    """A network whose loss is always a multiple of that of all-zero heatmaps."""

    def __init__(self, multiple: float) -> None:
        super().__init__()
        self.multiple, self.weight = multiple, torch.nn.Parameter(torch.zeros(()))

    def training_step(self, batch: Any, batch_idx: int) -> dict[str, torch.Tensor]:
        one = torch.ones(())
        return {"loss": self.multiple * one + 0 * self.weight, "zero_loss": one}

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)


@pytest.mark.parametrize("summed", [1, 2, 3])
def test_gradients_that_are_summed_do_not_hide_a_collapse(summed: int) -> None:
    """Lightning divides the loss by the number of batches whose gradients it sums."""

    def train(multiple: float) -> None:
        guard = CollapseGuard(after_epochs=2)
        trainer = plain_trainer(max_epochs=3, accumulate_grad_batches=summed, callbacks=[guard])
        trainer.fit(Constant(multiple), torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.zeros(12, 1))))

    train(0.9)
    with pytest.raises(HeatmapCollapse, match=f"after {2 * 12 // summed} steps"):
        train(0.99)


def see(losses: list[float], device: str, per_epoch: int = 8, summed: int = 1) -> None:
    """Shows the other guard a training with these losses, on a device, where it looks every four batches on a GPU."""
    guard = DivergenceGuard("lifter", 4)
    trainer = Mock(spec=L.Trainer, world_size=1)
    task = Mock(spec=L.LightningModule, device=torch.device(device))
    for k, loss in enumerate(losses):
        epoch, batch = divmod(k, per_epoch)
        trainer.global_step, trainer.current_epoch = (k + 1) // summed, epoch
        trainer.is_last_batch = batch == per_epoch - 1
        guard.on_train_batch_end(trainer, task, {"loss": torch.tensor(loss)}, None, batch)


@pytest.mark.parametrize("device", ["cpu", "cuda"])
@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), float("-inf")])
def test_a_loss_that_is_not_finite_is_named_with_its_step(wrong: float, device: str) -> None:
    """Whenever the guard looks, and whatever follows."""
    with pytest.raises(EgotapError, match="lifter: the loss is not a finite number at step 10, in epoch 2"):
        see([1.0] * 9 + [wrong, 1.0, wrong], device)
    with pytest.raises(EgotapError, match="step 8, in epoch 1"):
        see([1.0] * 7 + [wrong], device)


def test_on_a_gpu_several_losses_are_read_together() -> None:
    losses = [float("nan"), 1.0, 1.0]
    see(losses, "cuda")
    with pytest.raises(EgotapError):
        see([*losses, 1.0], "cuda")
    with pytest.raises(EgotapError):
        see(losses, "cuda", per_epoch=3)
    with pytest.raises(EgotapError):
        see(losses[:1], "cpu")


def test_a_loss_among_those_of_one_step_is_not_forgotten() -> None:
    """Batches whose gradients are summed have the same step."""
    with pytest.raises(EgotapError, match="the loss is not a finite number"):
        see([1.0, 1.0, 1.0, 1.0, float("nan"), 1.0, 1.0, 1.0], "cuda", summed=4)


def test_finite_losses_and_none_at_all_are_left_alone() -> None:
    see([1.0, -1e30] * 20, "cpu")
    trainer = Mock(spec=L.Trainer, world_size=1, global_step=1, is_last_batch=True)
    task = Mock(spec=L.LightningModule, device=torch.device("cpu"))
    for outputs in (None, {}, {"loss": None}):
        DivergenceGuard("lifter", 4).on_train_batch_end(trainer, task, outputs, None, 0)
