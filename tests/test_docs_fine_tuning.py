"""The recipe of the page on fine-tuning runs, at smoke size."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
from smoke import Run

TEXT = (Path(__file__).parents[1] / "docs" / "fine-tuning.md").read_text(encoding="utf-8")
(EXAMPLE,), RECIPE = (block.splitlines() for block in re.findall(r"^```bash\n(.*?)^```", TEXT, re.M | re.S))


@pytest.mark.slow
def test_the_recipe_runs(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert [shlex.split(command)[1] for command in RECIPE] == ["train", "train", "train", "report"]
    for command in RECIPE[:3]:
        _, verb, *words = shlex.split(command.replace("data.frames.train=600", "data.frames.train=8"))
        run(verb, *words, "scale=smoke")
    _, verb, *words = shlex.split(EXAMPLE.replace("/first", "/rendered"))
    run(verb, *words, "scale=smoke")
    runs = {name: tmp_path / "runs" / "quickstart" / "egosynth" / name for name in ("from-scratch", "fine-tuned")}
    first, second = (json.loads((folder / "metrics.json").read_text()) for folder in runs.values())
    assert first["dataset_fingerprint"] == second["dataset_fingerprint"]
    assert first["mpjpe"] != second["mpjpe"]
    run("report", *shlex.split(RECIPE[3])[2:], "figures=false")
    assert "init" in (tmp_path / "report" / "report.md").read_text()
