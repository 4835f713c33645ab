"""Settings of conf/trainer that save time or memory reach torch, the tasks and the loaders; results stay the same."""

from __future__ import annotations

import copy
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from composed import compose, facts, make_batch
from fake_source import FakeSource
from preparing import run as prepare_quietly
from torch import nn

from egotap_pl.core.errors import EgotapError
from egotap_pl.data.datamodule import FrameDataModule
from egotap_pl.engine.build import build
from egotap_pl.engine.devices.acceleration import Acceleration, networks_of
from egotap_pl.engine.devices.devices import Devices
from egotap_pl.nn.recomputing import Recomputing

CPU, CUDA = torch.device("cpu"), torch.device("cuda")
NODE = {"accelerator": "cpu", "devices": 1, "precision": "32-true", "workers": 0}
NAMES = ("tf32", "channels_last", "compile", "gradient_checkpointing")


@pytest.fixture
def one_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)


@pytest.fixture(autouse=True)
def precision_afterwards() -> Iterator[None]:
    before = torch.get_float32_matmul_precision()
    yield
    torch.set_float32_matmul_precision(before)


def task_of(*overrides: str, part: str = "training") -> Any:
    node: Any = compose("scale=smoke", *overrides)
    for key in part.split("."):
        node = node[key]
    torch.manual_seed(0)
    return build(node["task"])(facts("egosynth"))


@pytest.mark.usefixtures("one_gpu")
def test_a_gpu_gets_what_it_is_good_at_and_a_cpu_nothing() -> None:
    gpu = Devices.parse(compose("trainer=gpu")["trainer"])
    assert gpu.acceleration == Acceleration(tf32=True, channels_last=True)
    assert gpu.precision == "16-mixed"
    for trainer in ("cpu", "auto", "ddp"):
        node = compose(f"trainer={trainer}", "trainer.devices=1")["trainer"]
        assert Devices.parse(node).acceleration == Acceleration()
    chosen = compose("trainer=gpu", *(f"trainer.{name}=true" for name in NAMES))["trainer"]
    assert Devices.parse(chosen).acceleration == Acceleration(True, True, True, True)
    assert Devices.parse(chosen).options == {}  # none of them is an argument of Lightning's


@pytest.mark.parametrize("name", NAMES)
def test_switches_are_true_or_false(name: str) -> None:
    with pytest.raises(EgotapError, match=rf"trainer\.{name}=fast: must be true or false"):
        Devices.parse({**NODE, name: "fast"})


@pytest.mark.usefixtures("one_gpu")
def test_only_tf32_in_single_precision_makes_another_run() -> None:
    gpu = {**NODE, "accelerator": "gpu"}
    others = dict.fromkeys(NAMES[1:], True)
    assert Devices.parse({**gpu, **others}).determining == {}
    assert Devices.parse({**gpu, "tf32": True}).determining == {"tf32": True}
    assert Devices.parse({**gpu, "tf32": True, "precision": "16-mixed"}).determining == {}
    assert Devices.parse({**NODE, "tf32": True}).determining == {}


@pytest.mark.usefixtures("one_gpu")
@pytest.mark.parametrize(("has_bf16", "expected"), [(True, "bf16-mixed"), (False, "16-mixed")])
def test_automatic_precision(has_bf16: bool, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: has_bf16 or including_emulation)
    assert Devices.parse({**NODE, "accelerator": "gpu", "precision": "auto"}).precision == expected
    assert Devices.parse({**NODE, "precision": "auto"}).precision == "32-true"


def test_tf32_reaches_torch_on_a_gpu_only() -> None:
    for on, device, expected in ((True, CPU, "highest"), (True, CUDA, "high"), (False, CUDA, "highest")):
        Acceleration(tf32=on).apply(nn.Linear(2, 2), device)
        assert torch.get_float32_matmul_precision() == expected


def test_channels_last_is_the_layout_of_weights_on_a_gpu_and_changes_no_result() -> None:
    task = task_of(part="estimators.joint")
    images, before = make_batch("egosynth", 64).images, copy.deepcopy(task)
    Acceleration(channels_last=True).apply(task, CPU)
    kernels = [p for p in task.parameters() if p.dim() == 4 and p.shape[1] > 1 and p.shape[2] > 1]
    assert kernels
    assert all(kernel.is_contiguous() for kernel in kernels)
    Acceleration(channels_last=True).apply(task, CUDA)
    assert all(kernel.is_contiguous(memory_format=torch.channels_last) for kernel in kernels)
    with torch.no_grad():
        torch.testing.assert_close(task.eval()(images), before.eval()(images), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(task.state_dict(), before.state_dict(), rtol=0, atol=0)


@pytest.mark.parametrize("on", [True, False])
def test_gradient_checkpointing_is_switched_in_every_network(on: bool) -> None:
    task = task_of()
    Acceleration(gradient_checkpointing=on).apply(task, CPU)
    parts = [part for part in task.modules() if isinstance(part, Recomputing)]
    assert len(parts) == 5  # two U-Nets with a backbone each, and Grid ViT's transformer
    assert all(part.recompute is on for part in parts)


def names_of(task: nn.Module) -> list[str]:
    names = {module: name for name, module in task.named_modules()}
    return [names[network] for network in networks_of(task)]


def test_every_network_of_a_task_is_compiled() -> None:
    lifter = [f"lifter.{part}" for part in ("encoder", "propagation", "limb_encoder", "head")]
    assert sorted(names_of(task_of())) == sorted(["heatmaps.joint", "heatmaps.limb", *lifter])
    assert names_of(task_of(part="estimators.limb")) == ["estimator"]
    assert names_of(task_of("experiment=table3/grid_vit", part="probe")) == [
        "heatmaps.joint", "heatmaps.limb", "encoder", "decoder",
    ]  # fmt: skip
    for preset in ("unrealego", "ego3dpose", "egoglass"):
        task = task_of(f"experiment=table1/{preset}")
        networks = list(networks_of(task))
        assert all(type(network).forward is not nn.Module.forward for network in networks)
        compiled = {parameter for network in networks for parameter in network.parameters()}
        assert compiled == set(task.parameters())


def test_a_compiler_that_does_not_work_costs_a_message(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("no C++ compiler\nand more")

    monkeypatch.setattr(torch, "compile", fail)
    task = task_of(part="estimators.joint")
    Acceleration(compile=True).apply(task, CPU)
    assert "torch.compile does not work here, so networks are not compiled: no C++ compiler" in capsys.readouterr().err
    assert task.estimator._compiled_call_impl is None


@pytest.mark.slow
def test_compiled_networks_compute_the_same() -> None:
    program = Path(__file__).with_name("compiled_steps.py")
    support = str(program.parents[1] / "support")
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, (support, os.environ.get("PYTHONPATH"))))
    done = subprocess.run(
        [sys.executable, str(program)], env=environment, capture_output=True, text=True, timeout=400, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.filterwarnings("ignore:This DataLoader will create:UserWarning")
def test_batches_are_read_ahead_into_pinned_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prepare_quietly(FakeSource(pieces=(("train", 6),)), tmp_path)
    monkeypatch.setattr("egotap_pl.data.datamodule.affordable_workers", lambda workers, *_: workers)
    for has_gpu in (True, False):
        monkeypatch.setattr(torch.cuda, "is_available", lambda has_gpu=has_gpu: has_gpu)
        loader = FrameDataModule(tmp_path, batch_size=2, workers=3).train_dataloader()
        assert (loader.pin_memory, loader.num_workers, loader.prefetch_factor) == (has_gpu, 3, 2)
