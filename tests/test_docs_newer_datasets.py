"""The commands of the page on newer data sets run, at smoke size, on trees that EgoSynth writes."""

from __future__ import annotations

import json
import re
import shlex
import zipfile
from pathlib import Path

import numpy as np
import pytest
from smoke import Run

TEXT = (Path(__file__).parents[1] / "docs" / "newer-datasets.md").read_text(encoding="utf-8")
BLOCKS = [block.splitlines() for block in re.findall(r"^```bash\n(.*?)^```", TEXT, re.M | re.S)]
VERBS = ("prepare", "train", "evaluate", "predict")
FEW = ("data.frames={train: 4, validation: 2, test: 3}", "+layout.workers=0")


def typed(command: str) -> list[str]:
    """A command's words at smoke size."""
    words = shlex.split(command.replace("scale=tiny", "scale=smoke"))[1:]
    if "data=egosynth" in words:
        return [*words, "scale=smoke", "data.workers=0", *(FEW if words[0] == "prepare" else ())]
    return words if words[0] == "predict" else [*words, "data.workers=0"]


@pytest.mark.slow
def test_the_trees_are_written_and_trained_on(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    commands = [command for block in BLOCKS for command in block]
    commands.sort(key=lambda command: VERBS.index(command.split()[1]))  # trees, then runs, then what reads both
    for command in commands:
        run(*typed(command))
    for name in re.findall(r"layout=(\w+)", "\n".join(map("\n".join, BLOCKS))):
        (path,) = tmp_path.glob(f"runs/custom/{name}/*/metrics.json")
        metrics = json.loads(path.read_text())
        assert metrics["dataset"] == name
        assert metrics["frames"] == 3
    (tuned,) = tmp_path.glob("runs/beyond/fine_tuning/unrealego_rw/*/metrics.json")
    scratch = tmp_path / "runs/table1/egotap/unrealego_rw/from-scratch/metrics.json"
    first, second = (json.loads(path.read_text()) for path in (tuned, scratch))
    assert first["dataset_fingerprint"] == second["dataset_fingerprint"]
    assert first["mpjpe"] != second["mpjpe"]
    # As the benchmark measures: predictions and truth in the same layout, joint by joint, without alignment.
    errors_mm = []
    with zipfile.ZipFile("UnrealEgoData2_test_pose.zip") as file:
        for name in file.namelist():
            truth = json.loads((tmp_path / "trees" / "unrealego2" / name).read_text())["joints"]
            for joint, estimate in json.loads(file.read(name)).items():
                views = [truth[joint][f"camera_{side}_pts3d"] for side in ("left", "right")]
                errors_mm.append(10 * np.linalg.norm(np.mean(views, 0) - estimate))
    assert len(errors_mm) == 3 * 16
    metrics = json.loads((tmp_path / "runs/custom/unrealego2/first/metrics.json").read_text())
    assert np.mean(errors_mm) == pytest.approx(metrics["mpjpe"], abs=1e-3)
