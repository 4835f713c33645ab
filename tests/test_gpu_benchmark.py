"""The comparison for GPUs runs on a CPU, at smoke size, and writes its table."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from documented import ROOT

SCRIPT = ROOT / "experiments" / "benchmarks" / "gpu.sh"
SMALL = {"DEVICE": "cpu", "SIZE": "smoke", "SECONDS_EACH": "0.01", "COMPILE": "0", "PYTHON": sys.executable}


def run(folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", **variables}
    bash = shutil.which("bash")
    assert bash is not None
    return subprocess.run(
        [bash, str(SCRIPT)], cwd=folder, env=environment, capture_output=True, text=True, timeout=500, check=False
    )


@pytest.mark.slow
def test_the_table_has_every_network_in_every_precision(tmp_path: Path) -> None:
    done = run(tmp_path, **SMALL)
    assert done.returncode == 0, done.stderr
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
def test_no_measurement_begins_when_the_time_is_up(tmp_path: Path) -> None:
    done = run(tmp_path, **SMALL, MINUTES="0", OUTPUT="short.md")
    assert done.returncode == 0, done.stderr
    lines = (tmp_path / "short.md").read_text().splitlines()
    assert len([line for line in lines if line.endswith("not measured, the time was up")]) == 8
    assert not any(line.startswith("| lifter") for line in lines)


@pytest.mark.slow
def test_without_a_gpu_a_message_says_what_to_try(tmp_path: Path) -> None:
    done = run(tmp_path, PYTHON=sys.executable, CUDA_VISIBLE_DEVICES="")
    assert done.returncode == 2
    assert "DEVICE=cpu SIZE=smoke" in done.stderr
