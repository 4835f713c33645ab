"""Several processes, or batches whose gradients are summed, train as one process with the whole batch."""

from __future__ import annotations

import json
from pathlib import Path

import lightning as L
import pytest
import torch
from fake_source import FakeSource
from smoke import LIFTER, Run, run_folder
from torch import Tensor

from egotap_pl import compose
from egotap_pl.core.batch import Batch
from egotap_pl.data.preparation.prepare import prepare
from egotap_pl.engine.devices.devices import Devices

TRAINING = (*LIFTER, "training.epochs=2", "training.task.optimizer.lr=0.003", "data.frames={train: 14}")
DDP = ("trainer=ddp", "trainer.accelerator=cpu", "trainer.workers=0")


def identities(*words: str) -> dict[str, object]:
    return compose("experiment=quickstart", *words).devices.determining


def test_the_number_of_devices_determines_a_result_only_if_each_normalises_alone() -> None:
    assert identities("trainer.devices=1", "trainer.sync_batchnorm=false") == identities()
    assert identities(*DDP, "trainer.devices=2") == identities()
    two, four = (identities(*DDP, f"trainer.devices={n}", "trainer.sync_batchnorm=false") for n in (2, 4))
    assert len({str(identity) for identity in (two, four, identities())}) == 3


@pytest.mark.slow
@pytest.mark.usefixtures("forked_processes")
def test_two_and_three_processes_train_as_one(home: Path, run: Run) -> None:
    """Of 14 frames, the last two are left over after two steps of six."""
    numbers = (*TRAINING, "training.batch_size=6")
    results = []
    for processes in (1, 2, 3):
        devices = (*DDP, f"trainer.devices={processes}")
        folder = run_folder(run("train", *numbers, *devices, f"paths.runs=processes-{processes}"), home)
        metrics = json.loads((folder / "metrics.json").read_text())
        assert metrics["processes"] == processes
        results.append(metrics["mpjpe"])
    assert results[1:] == pytest.approx([results[0]] * 2, rel=1e-5)
    alone = (*DDP, "trainer.devices=2", "trainer.sync_batchnorm=false", "paths.runs=processes-1")
    folder = run_folder(run("train", *numbers, *alone), home)
    other = json.loads((folder / "metrics.json").read_text())["mpjpe"]
    assert other != pytest.approx(results[0], rel=1e-4)


def test_a_split_that_the_processes_cannot_share_is_named_before_the_training(home: Path, run: Run) -> None:
    err = run("train", *LIFTER, "training.batch_size=4", *DDP, "data.frames={test: 1}", "paths.runs=few", ok=False).err
    assert "test.h5: 1 frames cannot be shared by 2 processes" in err
    assert not list((home / "few").rglob("checkpoints"))


class Doubler(L.LightningModule):
    """Learns to double a pose."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layer = torch.nn.Linear(3, 3)

    def training_step(self, batch: Batch) -> Tensor:
        pose = batch.pose_cm.nan_to_num() / 100
        return (self.layer(pose) - 2 * pose).square().mean()

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.AdamW(self.parameters(), lr=0.01)


@pytest.mark.filterwarnings("ignore::UserWarning")  # Lightning's advice: there is no validation, and so on
def test_accumulated_gradients_are_those_of_the_larger_batch(tmp_path: Path) -> None:
    """Of 23 frames, five are left over after three steps of six: not a step with fewer."""
    prepare(FakeSource(frames_per_piece=1, pieces=(("train", 23),)), tmp_path, workers=0)
    weights, counts = [], []
    for accumulated in (1, 2, 3):
        node = {"accelerator": "cpu", "devices": 1, "precision": "32-true", "workers": 0}
        devices = Devices.parse({**node, "accumulate_grad_batches": accumulated})
        quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
        trainer = devices.trainer(max_epochs=2, enable_model_summary=False, **quiet)
        task = Doubler()
        trainer.fit(task, train_dataloaders=devices.data_module(tmp_path, 6 // accumulated).train_dataloader())
        weights.append(task.layer.weight.detach())
        counts.append(trainer.global_step)
    assert counts == [6, 6, 6]
    torch.testing.assert_close(weights[1:], weights[:1] * 2)
    assert not torch.equal(weights[0], Doubler().layer.weight)
