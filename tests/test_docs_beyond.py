"""Scripts of experiments/beyond on a few frames."""

from __future__ import annotations

import re
import runpy
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from documented import ROOT
from PIL import Image
from smoke import Run, run_folder

from egotap_pl import gather_runs

Script = Callable[..., str]


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch, capsys) -> Script:
    """Runs a script with arguments; what it prints."""

    def script(name: str, *arguments: object) -> str:
        path = str(ROOT / "experiments" / "beyond" / name)
        monkeypatch.setattr(sys, "argv", [path, *map(str, arguments)])
        capsys.readouterr()
        runpy.run_path(path, run_name="__main__")
        return capsys.readouterr().out

    return script


def test_regressions_and_costs_of_a_run(run: Run, home: Path, tmp_path: Path, script: Script) -> None:
    data = tmp_path / "data"
    trained = run_folder(run("train", "scale=smoke", f"data.folder={data}"), home)

    lines = script("kernel_ridge.py", data, "--estimators", trained).splitlines()
    numbers = [[float(number) for number in re.findall(r"MPJPE (\d+\.\d+)", line)] for line in lines]
    assert [len(of_ridge) for of_ridge in numbers] == [4, 4, 4]  # MPJPE and PA-MPJPE, of validation and test
    assert all(0 < pa_mpjpe < mpjpe for v, pv, t, pt in numbers for mpjpe, pa_mpjpe in ((v, pv), (t, pt)))
    assert len({tuple(of_ridge) for of_ridge in numbers}) == 3  # each ridge fits in its own way

    picture = tmp_path / "cost.png"
    rows = [
        [cell.strip() for cell in line.strip(" |").split("|")]
        for line in script("training_cost.py", data, trained, "--steps", 2, "--picture", picture).splitlines()
        if "|" in line
    ]
    (finished,) = gather_runs(trained).runs
    _, _, (experiment, batch, frame_ms, epochs, _, count, mpjpe, _) = rows
    assert (experiment, batch) == (finished.experiment, str(finished.setting("training.batch_size")))
    assert (epochs, count, mpjpe) == ("1", "1", f"{finished.metrics['mpjpe']:.1f}")
    assert float(frame_ms) > 0
    assert Image.open(picture).width > 500

    cells = [line.split("  ") for line in script("robustness.py", data, trained).splitlines() if " 0.0" in line]
    assert [[cell.strip() for cell in line if cell.strip()] for line in cells] == [
        [str(trained), "as they are", f"{finished.metrics['mpjpe']:.1f}", "0.0"]
    ]

    other = shutil.copytree(trained, tmp_path / "other")
    config = other / "config.yaml"
    config.write_text(re.sub(r"lr: .*", "lr: 0.5", config.read_text()))
    with pytest.raises(SystemExit, match="differ in more than epochs and seed"):
        script("training_cost.py", data, trained, other)
