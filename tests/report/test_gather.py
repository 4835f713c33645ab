"""Run folders are found and read; what is damaged is named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from egotap_pl.core.errors import EgotapError
from egotap_pl.engine.build import write_yaml
from egotap_pl.report.gather import gather

SETTINGS = {
    "seed": 1,
    "scale": {},
    "data": {"name": "egosynth", "source": {}},
    "heatmaps": {"estimators": []},
    "estimators": {},
    "training": {"seed": 1},
    "trainer": {"precision": "32-true"},
    "paths": {"runs": "runs"},
    "probe": {},
}
METRICS = {
    **dict.fromkeys(("mpjpe", "pa_mpjpe", "seconds", "test_seconds"), 1.0),
    **dict.fromkeys(("frames", "seed", "parameters"), 1),
    "per_joint": {},
    "per_category": {},
    **dict.fromkeys(("experiment", "dataset", "dataset_fingerprint", "split", "device"), "x"),
}


def make(folder: Path, done: bool = True) -> Path:
    folder.mkdir(parents=True)
    (folder / "run.json").write_text("{}")
    write_yaml(folder / "config.yaml", SETTINGS)
    (folder / "metrics.json").write_text(json.dumps(METRICS))
    if done:
        (folder / "done.json").write_text("{}")
    return folder


def test_runs_at_any_depth_count_once(tmp_path: Path) -> None:
    one, other = make(tmp_path / "a" / "b" / "one"), make(tmp_path / "c")
    stage = make(tmp_path / "a" / "stage")
    (stage / "run.json").unlink()
    found = gather([tmp_path, tmp_path / "a", one])
    assert [run.folder for run in found.runs] == [one, other]
    assert found.missing == []


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("config.yaml", "a: [1"),
        ("config.yaml", "- 1"),
        ("config.yaml", "seed: 1"),
        ("config.yaml", None),
        ("metrics.json", '{"mpjpe": 1'),
        ("metrics.json", "[]"),
        ("metrics.json", "{}"),
        ("metrics.json", json.dumps({**METRICS, "frames": "many"})),
        ("metrics.json", b"\xff\xfe\x00"),
        ("metrics.json", None),
    ],
)
def test_a_damaged_run_is_named_and_the_others_are_read(name: str, content: str | bytes | None, tmp_path: Path) -> None:
    good, bad, unfinished = make(tmp_path / "good"), make(tmp_path / "bad"), make(tmp_path / "unfinished", done=False)
    path = bad / name
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    found = gather([tmp_path])
    assert [run.folder for run in found.runs] == [good]
    assert len(found.missing) == 2
    assert str(bad) in found.missing[0]
    assert name in found.missing[0]
    assert str(unfinished) in found.missing[1]
    assert "not finished" in found.missing[1]


def test_a_training_that_went_wrong_is_not_counted(tmp_path: Path) -> None:
    make(tmp_path / "good")
    (make(tmp_path / "bad") / "metrics.json").write_text(json.dumps({**METRICS, "mpjpe": float("nan")}))
    found = gather([tmp_path])
    assert len(found.runs) == 1
    assert "mpjpe is nan" in found.missing[0]


def test_no_folder_and_no_run_are_said(tmp_path: Path) -> None:
    with pytest.raises(EgotapError, match="no such folder"):
        gather([tmp_path / "none"])
    with pytest.raises(EgotapError, match="no finished run"):
        gather([tmp_path])
    make(tmp_path / "begun", done=False)
    with pytest.raises(EgotapError, match=r"no finished run(.|\n)*begun: not finished"):
        gather([tmp_path])
