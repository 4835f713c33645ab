"""`egotap benchmark` measures the parts of a run or of a configuration."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from smoke import LIFTER, SMOKE, Run

from egotap_pl import load_lifter

QUICK = ("seconds=0.01", "batch_size=2")


def costs(path: Path) -> dict[tuple[str, str], dict[str, float]]:
    content = json.loads(path.read_text())
    assert content["device"].startswith("cpu")
    return {(cost["part"], cost["runtime"]): cost for cost in content["costs"]}


def test_a_configuration_without_data(home: Path, run: Run) -> None:
    out = run("benchmark", *SMOKE, "data=egosynth_stick", *QUICK, "output=costs.json").out
    found = costs(home / "costs.json")
    assert list(found) == [
        (part, "torch") for part in ("joint estimator", "limb estimator", "lifter", "images to pose")
    ]
    whole = found["images to pose", "torch"]
    for key in ("parameters", "gflop"):
        assert whole[key] == pytest.approx(sum(cost[key] for cost in found.values()) - whole[key])
    assert whole["step_ms"] is None
    assert found["lifter", "torch"]["step_mib"] > found["lifter", "torch"]["peak_mib"] > 0
    assert "scale=smoke data=egosynth_stick: cpu" in out
    header = next(line for line in out.splitlines() if "M params" in line)
    assert len(header.rstrip()) > 80, "the screen of the tests has 80 columns, and the table asks for more"
    assert "".join(header.split()) == "partruntimeMparamsGFLOP1frameframes/sMiBstepMiB"
    assert json.loads((home / "costs.json").read_text())["origin"] == "scale=smoke data=egosynth_stick"


@pytest.mark.parametrize("part", ["temporal=causal_attention", "lifter/propagation=temporal"])
def test_the_next_frame_of_a_recording_costs_one_encoding_and_a_training_step_whole_windows(
    home: Path, run: Run, part: str
) -> None:
    run("benchmark", *LIFTER, part, "window=unrealego2", *QUICK, "output=costs.json")
    found = costs(home / "costs.json")
    assert [name for name, _ in found] == ["lifter", "lifter, windows of 5"]
    one, whole = found.values()
    assert one["parameters"] == whole["parameters"]
    assert one["gflop"] < whole["gflop"] < 5 * one["gflop"], "a window is lifted once"
    assert one["step_ms"] is None
    assert whole["step_ms"] > 0


def test_what_is_measured_is_computed_as_the_trainer_does(home: Path, run: Run) -> None:
    pytest.importorskip("onnxruntime")
    words = ("trainer.precision=bf16-mixed", "trainer.gradient_checkpointing=true", "runtimes=[torch,onnx]")
    with seeing_products() as seen:
        out = run("benchmark", *LIFTER, *words, *QUICK, "output=costs.json").out
    assert torch.bfloat16 in seen
    assert {key: cost["precision"] for key, cost in costs(home / "costs.json").items()} == {
        ("lifter", "torch"): "bf16-mixed",
        ("lifter", "onnx"): "32-true",
    }
    assert "torch, bf16-mixed" in out


@contextmanager
def seeing_products() -> Iterator[set[torch.dtype]]:
    """The types that linear layers compute in."""
    seen = set()

    def note(module: torch.nn.Module, _: object, output: torch.Tensor) -> None:
        if isinstance(module, torch.nn.Linear):
            seen.add(output.dtype)

    hook = torch.nn.modules.module.register_module_forward_hook(note)
    try:
        yield seen
    finally:
        hook.remove()


def test_a_run_in_onnx_runtime(whole: Path, run: Run) -> None:
    pytest.importorskip("onnxruntime")
    run("benchmark", f"checkpoint={whole}", "runtimes=[torch,onnx]", *QUICK)
    found = costs(whole / "benchmark.json")
    (whole / "benchmark.json").unlink()
    assert list(found) == [("lifter", "torch"), ("lifter", "onnx")]
    parameters = sum(weights.numel() for weights in load_lifter(whole).parameters())
    assert {cost["parameters"] for cost in found.values()} == {parameters}


def test_onnx_runtime_may_differ_as_far_as_in_an_export(home: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rounded heatmaps differ by whole hundredths. A part that differs more is passed over, and the others measured."""
    pytest.importorskip("onnxruntime")
    words = ("heatmaps=joint_only", "+heatmaps.source.rounded=true", "lifter/encoder=cnn", "lifter/propagation=none")
    monkeypatch.setattr("egotap_pl.interop.onnx._difference", lambda *_: 5e-3)
    err = run("benchmark", *SMOKE, *words, "steps=false", "runtimes=[onnx]", *QUICK, "output=costs.json").err
    assert list(costs(home / "costs.json")) == [("images to pose", "onnx")]
    assert "lifter: not measured in ONNX Runtime: ONNX Runtime differs from PyTorch by 0.005" in err


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("runtimes=[tensorrt]", "runtimes=tensorrt: must be among: torch, compile, onnx"),
        ("batch_size=1", "batch_size=1: must be 2 or more"),
        ("batch_size=many", "batch_size=many: must be a whole number, 1 or more"),
        ("threads=0", "threads=0: must be a whole number, 1 or more"),
        ("threads=all", "threads=all: must be a whole number, 1 or more"),
        ("runtimes=torch", "runtimes=torch: must be a list, such as [torch,onnx]"),
        ("seconds=long", "seconds=long: must be a number of seconds, 0 or more"),
        ("steps=3", "steps=3: must be one of: true, false"),
        ("trainer.precision=64-true", "trainer.precision=64-true: egotap benchmark measures one of: 32-true, 16-mixed"),
        ("output=/", "output=/ is a folder: must be a file, for the numbers as JSON"),
        ("checkpoint=nowhere", "nowhere"),
    ],
)
def test_what_cannot_be_measured(run: Run, word: str, message: str) -> None:
    err = run("benchmark", *LIFTER, word, ok=False).err
    assert message in err
    assert "Traceback" not in err
