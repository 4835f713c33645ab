"""Every step of every preset stays on its device: it makes nothing on the CPU and waits for no value of the device."""

from __future__ import annotations

from typing import Any

import lightning as L
import pytest
import torch
from composed import compose, facts, make_batch, options
from only_device import META, only_device
from plain_trainer import plain_trainer
from training_steps import trainings

from egotap_pl.core import skeleton as skeletons
from egotap_pl.core.batch import Heatmaps
from egotap_pl.core.camera import StereoRig
from egotap_pl.core.constants import constant
from egotap_pl.data import augment
from egotap_pl.engine.build import build
from egotap_pl.metrics import pa_mpjpe_mm
from egotap_pl.tasks.callbacks import DivergenceGuard

_tested: list[dict[str, Any]] = []


@pytest.fixture(autouse=True)
def unlogged(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no trainer to log to."""
    for method in ("log", "log_dict"):
        monkeypatch.setattr(L.LightningModule, method, lambda *_, **__: None)


@pytest.fixture(scope="module", autouse=True)
def roma_constants() -> None:
    """roma copies its constants to a device once."""
    pose = torch.empty(2, 3, 3, device=META)
    pa_mpjpe_mm(pose, pose)


def take_steps(task: Any, batch: Any) -> None:
    """A step of a training, of a validation and of a test, and a prediction."""
    with only_device():
        outcome = task.train().training_step(batch, 0)
        (outcome["loss"] if isinstance(outcome, dict) else outcome).backward()
        torch.nn.utils.clip_grad_norm_(task.parameters(), 1.0)
        with torch.inference_mode():
            task.eval().validation_step(batch, 0)
            task.test_step(batch, 0)
            task(batch.images if hasattr(task, "estimator") else batch)


@pytest.mark.slow
@pytest.mark.parametrize("preset", options("experiment"))
def test_a_preset(preset: str) -> None:
    settings = compose(f"experiment={preset}", "data=egosynth", "scale=smoke")
    batch = make_batch("egosynth", settings["scale"]["image_px"]).on(META)
    for _, spec in trainings(settings):
        if spec not in _tested:  # presets share estimators
            _tested.append(spec)
            take_steps(build(spec)(facts("egosynth")).to(META), batch)


@pytest.mark.parametrize("heatmaps", ["truth", "estimated"])
def test_lifters_of_other_skeletons_and_cached_heatmaps(heatmaps: str) -> None:
    settings = compose("scale=smoke", "data=egosynth_stick", f"heatmaps={heatmaps}")
    batch = make_batch("egosynth_stick", settings["scale"]["image_px"]).on(META)
    task = build(settings["training"]["task"])(facts("egosynth_stick")).to(META)
    take_steps(task, batch)
    maps = torch.empty(2, 2, task.skeleton.num_heatmap_joints, *[settings["scale"]["heatmap_px"]] * 2, device=META)
    limbs = maps[:, :, :, None].expand(-1, -1, -1, 2, -1, -1).contiguous()
    take_steps(task, batch._replace(heatmaps=Heatmaps(maps, limbs)))


class MetaGenerator(torch.Generator):
    """Says that it draws on the meta device, which has no random numbers."""

    device = META


def test_augmentation(monkeypatch: pytest.MonkeyPatch) -> None:
    skeleton, rig = skeletons.unrealego(), StereoRig.unrealego()
    steps = augment.InTurn([augment.SwapMirror(skeleton, rig), augment.Photometric(), augment.Jpeg()])
    batch = make_batch("egosynth", 64).on(META)
    monkeypatch.setattr(torch, "rand", lambda *size, generator, device: torch.empty(size, device=device))
    monkeypatch.setattr(torch, "randn", lambda size, generator, device: torch.empty(size, device=device))
    with only_device():
        images = steps(batch, MetaGenerator()).images
    assert (images.shape, images.device) == (batch.images.shape, META)


def test_losses_are_not_read_before_it_is_time() -> None:
    guard = DivergenceGuard("title", every_steps=10)
    trainer = plain_trainer()
    task = L.LightningModule().to(META)
    with only_device():
        for number in range(9):
            guard.on_train_batch_end(trainer, task, {"loss": torch.empty((), device=META)}, None, number)
    with pytest.raises(RuntimeError, match="meta"):
        guard.on_train_batch_end(trainer, task, {"loss": torch.empty((), device=META)}, None, 9)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda x: x + torch.arange(3),
        lambda x: x[[0, 1]],
        lambda x: x[:, [0, 1]],
        lambda x: x * x.new_tensor((1.0, 2.0, 3.0)),
        lambda x: x * torch.tensor([1.0, 2.0, 3.0], device=META),
        lambda x: torch.zeros(3).to(META) + x,
        lambda x: float(x.max()),
        lambda x: x if (x > 0).all() else -x,
        lambda x: x[x > 0],
        lambda x: x.nonzero(),
    ],
)
def test_what_leaves_the_device_is_noticed(wrong: Any) -> None:
    x = torch.empty(3, 3, device=META)
    with pytest.raises((AssertionError, RuntimeError, NotImplementedError)), only_device():
        wrong(x)


def test_plain_arithmetic_is_no_reason_to_fail() -> None:
    x, index = torch.empty(3, 3, device=META), constant((2, 0), META)
    with only_device():
        y = torch.where(x > 0, 2 * x + 1, 0.0)[:, index].clamp(min=0)
    assert y.shape == (3, 2)


def test_a_constant_is_made_once_and_may_be_trained_with() -> None:
    with torch.inference_mode():
        index = constant((2, 0), torch.device("cpu"))
    assert constant((2, 0), torch.device("cpu")) is index
    assert constant((2, 0), torch.device("cpu"), torch.float64).dtype == torch.float64
    x = torch.arange(3.0, requires_grad=True)
    x[index].square().sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [0.0, 0.0, 4.0]
