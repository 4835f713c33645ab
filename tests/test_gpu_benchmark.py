"""The comparison for GPUs runs on a CPU, at smoke size, and writes its table."""

from __future__ import annotations

import os
import runpy
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from documented import ROOT

SCRIPT = ROOT / "experiments" / "benchmarks" / "gpu.sh"
SMALL = {"DEVICE": "cpu", "SIZE": "smoke", "SECONDS_EACH": "0.01", "COMPILE": "0"}


def run(folder: Path, monkeypatch: pytest.MonkeyPatch, **variables: str) -> None:
    """Runs, in this process, what the script would start: a new Python only spends seconds on its imports."""
    bash = shutil.which("bash")
    assert bash is not None
    environment = {**os.environ, "PYTHON": "echo", **variables}
    typed = subprocess.run([bash, str(SCRIPT)], env=environment, capture_output=True, text=True, check=True).stdout
    script, *words = shlex.split(typed)
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "argv", [script, *words])
    monkeypatch.syspath_prepend(str(Path(script).parent))
    precision, cudnn = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    try:
        runpy.run_path(script, run_name="__main__")
    finally:
        torch.set_float32_matmul_precision(precision)
        torch.backends.cudnn.allow_tf32 = cudnn


@pytest.mark.slow
def test_the_table_has_every_network_in_every_precision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(tmp_path, monkeypatch, **SMALL)
    lines = (tmp_path / "gpu.md").read_text().splitlines()
    assert "scale=smoke" in lines[0]
    assert any("torch 2" in line and "python 3" in line for line in lines)
    assert any("--device cpu --scale smoke" in line for line in lines)
    table = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| ")]
    heading, drawn, *rows = table
    assert drawn[0] == "true heatmaps"
    networks = ("lifter (Grid ViT, PU)", "estimator (joints)")
    expected = [(n, p, w) for p in ("float32", "bfloat16") for n in networks for w in ("forward", "step")]
    assert [(row[0], row[1], row[3]) for row in rows] == expected
    for row in [drawn, *rows]:
        numbers = dict(zip(heading, row, strict=True))
        frames_per_s = float(numbers["batch"]) / (float(numbers["ms"]) / 1e3)
        assert float(numbers["frames/s"]) == pytest.approx(frames_per_s, rel=0.02)


@pytest.mark.slow
def test_no_measurement_begins_when_the_time_is_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(tmp_path, monkeypatch, **SMALL, MINUTES="0", OUTPUT="short.md")
    lines = (tmp_path / "short.md").read_text().splitlines()
    assert len([line for line in lines if line.endswith("not measured, the time was up")]) == 8
    assert not any(line.startswith("| lifter") for line in lines)


def test_without_a_gpu_a_message_says_what_to_try(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(SystemExit) as end:
        run(tmp_path, monkeypatch)
    assert end.value.code == 2
    assert "DEVICE=cpu SIZE=smoke" in capsys.readouterr().err
