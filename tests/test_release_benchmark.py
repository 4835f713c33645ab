"""The comparison with the release's code runs with a stand-in for it, and says what it needs where there is none."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from benchmark_scripts import loaded

STAND_IN = """
import time
import torch

class EgoTAPAutoEncoder(torch.nn.Module):
    def __init__(self, opt, input_channel_scale):
        super().__init__()
        assert (opt.num_heatmap, opt.num_rot_heatmap, input_channel_scale) == (15, 15, 2)
        self.layer = torch.nn.Linear(opt.load_size_heatmap[0], 3)

    def forward(self, heatmaps, left=None, right=None):
        assert heatmaps.shape[1] == 2 * 15 + 2 * 2 * 15
        time.sleep(0.4)
        return self.layer(heatmaps).mean((1, 2)), None

class HeatMap_UnrealEgo_Shared(torch.nn.Module):
    def __init__(self, opt, model_name, input_channel_scale):
        super().__init__()
        assert (opt.num_heatmap, opt.num_rot_heatmap, model_name) == (15, 0, "resnet18")
        self.layer = torch.nn.Conv2d(6, 30, 1)

    def forward(self, left, right):
        return self.layer(torch.cat((left, right), 1))
"""


def compare(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("model", "model.net_architecture"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setenv("COLUMNS", "200")
    script = loaded("against_release.py", monkeypatch)
    words = ["--scale", "smoke", "--rounds", "3", "--batch", "2"]
    monkeypatch.setattr(sys, "argv", ["against_release.py", str(folder), *words])
    script.main()


def write(folder: Path, content: str) -> None:
    (folder / "model").mkdir()
    (folder / "model" / "net_architecture.py").write_text(content)


def test_a_stand_in_that_takes_its_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, STAND_IN)
    compare(tmp_path, monkeypatch)
    lines = [re.split("[│|]", line)[1:-1] for line in capsys.readouterr().out.splitlines() if "│" in line]
    rows = [[cell.strip() for cell in line] for line in lines]
    numbers = {(row[0], row[1]): row[2:] for row in rows}
    both = {(name, what) for name in ("lifter", "estimator") for what in ("step", "forward")}
    assert set(numbers) == both | {("lifter", "step from images")}
    assert float(numbers["lifter", "forward"][1]) >= 200  # ms a frame: it sleeps 0.4 s for two
    step, estimator = float(numbers["lifter", "step"][1]), float(numbers["estimator", "forward"][1])
    assert float(numbers["lifter", "step from images"][1]) == pytest.approx(step + 2 * estimator, abs=0.2)
    assert all(float(row[2]) > 0 for row in numbers.values())


def test_a_folder_without_the_release_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SystemExit, match=r"has no model/net_architecture\.py: give a checkout"):
        compare(tmp_path, monkeypatch)
    write(tmp_path, "import a_package_that_is_not_here\n")
    with pytest.raises(SystemExit, match=r"a_package_that_is_not_here.*needs the packages torchvision"):
        compare(tmp_path, monkeypatch)
