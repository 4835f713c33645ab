"""The page that goes from a folder of images to Table 2: its reader, its configuration and its commands run."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from documented import write_named_files
from PIL import Image
from processes import Command

from egotap_pl.core.camera import StereoRig
from egotap_pl.core.skeleton import unrealego

PAGE = (Path(__file__).parents[1] / "docs" / "own-data.md").read_text(encoding="utf-8")
FRAMES = {"train": 16, "validation": 4, "test": 5}
NEVER, SOMETIMES = "ball_l", "hand_l"


def record(folder: Path) -> None:
    """Writes recordings of a swaying stick figure in which a toe is never known and a hand every other time."""
    skeleton, random = unrealego(), np.random.default_rng(0)
    offsets = random.normal(0, 1, (skeleton.num_joints, 3))
    places = np.zeros((skeleton.num_joints, 3))
    for joint, parent in skeleton.limbs:
        places[joint] = places[parent] + 15 * offsets[joint] / np.linalg.norm(offsets[joint]) + np.array([0, 0, 6])
    labels = []
    for split, number in FRAMES.items():
        for frame in range(number):
            joints_cm = places + np.array([-6, 5, 30]) + random.normal(0, 2, places.shape)
            px = StereoRig.unrealego().project(torch.from_numpy(joints_cm))[0].numpy() / 16
            names = {}
            for view, points in zip(("left", "right"), px, strict=True):
                image = np.full((64, 64, 3), 90, np.uint8)
                inside = points[((points >= 0) & (points < 64)).all(-1)].astype(int)
                image[inside[:, 1], inside[:, 0]] = 255
                names[view] = f"{split}_1/{view}/{frame:04d}.png"
                (folder / names[view]).parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(image).save(folder / names[view])
            known: dict[str, list[float] | None] = dict(zip(skeleton.joints, joints_cm.tolist(), strict=True))
            del known[NEVER]
            if frame % 2:
                known[SOMETIMES] = None
            motion = {"split": split, "motion": f"{split}_1", "frame": frame, "category": "cooking", "subject": split}
            labels.append({**motion, **names, "joints_cm": known})
    (folder / "labels.json").write_text(json.dumps(labels), encoding="utf-8")


def commands() -> list[list[str]]:
    blocks = "".join(re.findall(r"^```bash\n(.*?)^```", PAGE, re.M | re.S))
    return [shlex.split(line.partition(" #")[0])[1:] for line in blocks.splitlines() if line.startswith("egotap ")]


@pytest.mark.slow
def test_from_images_to_a_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(write_named_files("own-data", tmp_path)) == 3
    record(tmp_path / "recorded")
    monkeypatch.syspath_prepend(str(tmp_path))
    verbs = []
    for verb, *words in commands():
        ended = Command(tmp_path, verb, *words).end()
        assert ended.status == 0, ended
        assert "warning: " not in ended.err
        verbs.append(verb)
    assert verbs == ["prepare", "show", "train", "report"]
    with Image.open(tmp_path / "show.png") as image:
        assert image.width == 2000
    runs = sorted((tmp_path / "runs").rglob("metrics.json"))
    assert len(runs) == 3
    for path in runs:
        metrics = json.loads(path.read_text(encoding="utf-8"))
        with h5py.File(path.with_name("predictions.h5")) as file:
            truth_cm, pose_cm = file["truth_cm"][:].astype(float), file["pose_cm"][:].astype(float)
        error_mm = 10 * np.linalg.norm(pose_cm - truth_cm, axis=-1)
        hand = unrealego().joints.index(SOMETIMES)
        assert metrics["frames"] == FRAMES["test"]
        assert metrics["mpjpe"] == pytest.approx(np.nanmean(error_mm, 1).mean())
        assert metrics["per_joint"][SOMETIMES] == pytest.approx(error_mm[::2, hand].mean())
        assert metrics["per_joint"][NEVER] is None
        assert np.isfinite(metrics["pa_mpjpe"])
    tables, figures = tmp_path / "report" / "tables", tmp_path / "report" / "figures"
    rows = (tables / "table2_joint_mpjpe_json_smoke.csv").read_text(encoding="utf-8").splitlines()
    assert re.fullmatch(rf"{NEVER}(,–?)+", next(row for row in rows if row.startswith(NEVER))), rows
    assert (tables / "table2_json_smoke.md").is_file()
    drawn = {path.stem for path in figures.glob("*.png")}
    assert drawn >= {"comparison_json", "categories_json", "depth_table2_json_smoke", "propagation_json_smoke"}
    assert (tmp_path / "report" / "index.html").is_file()
