"""experiments/beyond/kernel_ridge.py on a few frames."""

from __future__ import annotations

import re
import runpy
import sys
from pathlib import Path

import pytest
from documented import ROOT
from smoke import Run, run_folder


def test_a_regression_on_a_few_frames(run: Run, home: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    trained = run_folder(run("train", "scale=smoke"), home)
    (data,) = (home / "work" / "data").glob("egosynth-*")
    script = str(ROOT / "experiments" / "beyond" / "kernel_ridge.py")
    monkeypatch.setattr(sys, "argv", [script, str(data), "--estimators", str(trained)])
    capsys.readouterr()
    runpy.run_path(script, run_name="__main__")
    lines = capsys.readouterr().out.splitlines()
    numbers = [[float(number) for number in re.findall(r"MPJPE (\d+\.\d+)", line)] for line in lines]
    assert [len(of_ridge) for of_ridge in numbers] == [4, 4, 4]  # MPJPE and PA-MPJPE, of validation and test
    assert all(0 < pa_mpjpe < mpjpe for v, pv, t, pt in numbers for mpjpe, pa_mpjpe in ((v, pv), (t, pt)))
    assert len({tuple(of_ridge) for of_ridge in numbers}) == 3  # each ridge fits in its own way
