"""Values that dashboards show of a training."""

from __future__ import annotations

from types import SimpleNamespace
from unittest.mock import Mock

import lightning as L
import pytest
import torch
from lightning.pytorch.loggers import Logger

from egotap_pl.metrics import PoseMetrics
from egotap_pl.tasks.monitor import AfterValidation, TrainingMonitor, error_rows, step_size

BATCH = SimpleNamespace(frame=torch.arange(8))


def make_trainer(step: int = 0, **attributes: object) -> Mock:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.5)
    trainer = Mock(spec=L.Trainer, global_step=step, world_size=2, is_global_zero=True, is_last_batch=False)
    trainer.optimizers, trainer.sanity_checking, trainer.check_val_every_n_epoch = [optimizer], False, 1
    for name, value in attributes.items():
        setattr(trainer, name, value)
    return trainer


def logged(logger: Mock) -> list[tuple[int, dict[str, float]]]:
    return [(call.kwargs["step"], call.args[0]) for call in logger.log_metrics.call_args_list]


def test_frames_of_all_processes_are_counted_since_the_last_log(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 2.0, 2.0, 100.0, 104.0, 104.0])
    monkeypatch.setattr("time.perf_counter", lambda: next(clock))
    logger, task = Mock(spec=Logger), Mock(spec=L.LightningModule, device=torch.device("cpu"))
    monitor = TrainingMonitor([logger], every_steps=3)
    trainer = make_trainer()
    monitor.on_train_epoch_start(trainer, task)
    for trainer.global_step in (1, 2, 3):
        monitor.on_train_batch_end(trainer, task, None, BATCH, 0)
    monitor.on_train_epoch_start(trainer, task)  # validation lay between
    trainer.global_step, trainer.is_last_batch = 4, True
    monitor.on_train_batch_end(trainer, task, None, BATCH, 0)
    assert logged(logger) == [
        (2, {"speed/learning_rate": 0.5, "speed/frames_per_s": 3 * 8 * 2 / 2.0}),
        (3, {"speed/learning_rate": 0.5, "speed/frames_per_s": 8 * 2 / 4.0}),
    ]


def test_memory_is_logged_on_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.max_memory_allocated", lambda device: 3 * 2**20)
    logger, task = Mock(spec=Logger), Mock(spec=L.LightningModule, device=torch.device("cuda"))
    TrainingMonitor([logger], 1).on_train_batch_end(make_trainer(1), task, None, BATCH, 0)
    assert logged(logger)[0][1]["speed/gpu_memory_mib"] == 3


@pytest.mark.parametrize("is_first", [True, False])
def test_validation_errors_are_computed_everywhere_and_logged_once(is_first: bool) -> None:
    metric = PoseMetrics(["hand", "foot"], ["walking", "sitting"])
    truth = torch.zeros(1, 2, 3)
    metric.update(truth + torch.tensor([[1.0, 0, 0], [0, 3.0, 0]]), truth, torch.tensor([1]))
    logger, task = Mock(spec=Logger), Mock(spec=L.LightningModule)
    task.validation_error = metric
    TrainingMonitor([logger], 1).on_validation_epoch_end(make_trainer(5, is_global_zero=is_first), task)
    if not is_first:
        assert not logged(logger)
        return
    ((step, rows),) = logged(logger)
    assert step == 4
    assert rows["validation_per_joint/hand"] == pytest.approx(10)
    assert rows["validation_per_joint/foot"] == pytest.approx(30)
    assert rows["validation_per_category/sitting"] == pytest.approx(20)
    assert "validation_per_category/walking" not in rows


def test_a_task_without_poses_logs_no_joints() -> None:
    logger = Mock(spec=Logger)
    TrainingMonitor([logger], 1).on_validation_epoch_end(make_trainer(5), Mock(spec=L.LightningModule))
    assert not logged(logger)


def test_step_sizes_include_the_estimated_scale() -> None:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.5)
    assert step_size(optimizer) == 0.5
    optimizer.param_groups[0]["d"] = 0.1
    assert step_size(optimizer) == pytest.approx(0.05)


def test_error_rows_of_heatmaps() -> None:
    assert error_rows("test", {"mse": 1.0, "per_view": {"left": 2.0}}) == {"test_per_view/left": 2.0}


def test_the_function_is_called_at_the_interval_and_after_the_last_epoch() -> None:
    steps: list[int] = []
    callback = AfterValidation(lambda task, step: steps.append(step), every_epochs=2)
    for epoch in range(5):
        trainer = make_trainer(10 * (epoch + 1), current_epoch=epoch, max_epochs=5)
        callback.on_validation_end(trainer, Mock(spec=L.LightningModule))
        trainer.is_global_zero = False
        callback.on_validation_end(trainer, Mock(spec=L.LightningModule))
    assert steps == [19, 39, 49]


@pytest.mark.parametrize(("apart", "epochs", "shown"), [(3, 8, [3, 6]), (2, 9, [4, 8]), (5, 12, [5, 10])])
def test_the_function_is_called_where_not_every_epoch_is_validated(apart: int, epochs: int, shown: list[int]) -> None:
    """After the first validation that is due, and after the last one."""
    called: list[int] = []
    callback = AfterValidation(lambda task, step: called.append(step + 1), every_epochs=4 if apart == 2 else 3)
    for epoch in range(apart, epochs + 1, apart):
        trainer = make_trainer(epoch, current_epoch=epoch - 1, max_epochs=epochs, check_val_every_n_epoch=apart)
        callback.on_validation_end(trainer, Mock(spec=L.LightningModule))
    assert called == shown


def test_batches_whose_gradients_are_summed_are_logged_with_their_step() -> None:
    logger, task = Mock(spec=Logger), Mock(spec=L.LightningModule, device=torch.device("cpu"))
    monitor, trainer = TrainingMonitor([logger], every_steps=2), make_trainer()
    monitor.on_train_start(trainer, task)
    for trainer.global_step in (0, 0, 1, 1, 1, 2, 2, 2, 3):
        monitor.on_train_batch_end(trainer, task, None, BATCH, 0)
    assert [step + 1 for step, _ in logged(logger)] == [2]
