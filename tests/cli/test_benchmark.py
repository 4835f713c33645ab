"""`egotap benchmark` measures the parts of a run or of a configuration."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
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
    assert json.loads((home / "costs.json").read_text())["origin"] == "scale=smoke data=egosynth_stick"


def test_a_run_in_onnx_runtime(whole: Path, run: Run) -> None:
    pytest.importorskip("onnxruntime")
    run("benchmark", f"checkpoint={whole}", "runtimes=[torch,onnx]", *QUICK)
    found = costs(whole / "benchmark.json")
    (whole / "benchmark.json").unlink()
    assert list(found) == [("lifter", "torch"), ("lifter", "onnx")]
    parameters = sum(weights.numel() for weights in load_lifter(whole).parameters())
    assert {cost["parameters"] for cost in found.values()} == {parameters}


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("runtimes=[tensorrt]", "runtimes=tensorrt: must be among: torch, compile, onnx"),
        ("batch_size=1", "batch_size=1: must be 2 or more"),
        ("checkpoint=nowhere", "nowhere"),
    ],
)
def test_what_cannot_be_measured(run: Run, word: str, message: str) -> None:
    err = run("benchmark", *LIFTER, word, ok=False).err
    assert message in err
    assert "Traceback" not in err
