"""`egotap prepare`: the files that it writes, and its messages about wrong values."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from composed import compose, options
from hydra.core.global_hydra import GlobalHydra

from egotap_pl.cli.main import main
from egotap_pl.cli.prepare import _checked
from egotap_pl.core.errors import EgotapError
from egotap_pl.data.preparation.shard import WHOLE, Shard
from egotap_pl.engine.build import build

Egotap = Callable[..., tuple[int, str, str]]
LAYOUTS = options("layout")
TINY = ("scale=smoke", "data.frames={train: 2, validation: 1, test: 1}", "data.workers=0")
FILES = (
    "data.source._target_=fake_source.FakeFiles",
    *(f"~data.source.{key}" for key in ("skeleton", "mount", "motions", "frames", "subjects", "frames_per_take")),
    "data.source.image_px=16",
    "data.workers=0",
    "+data.source.damaged=[[train/1,12]]",
    "+data.source.absent=[train/7]",
)
"""A source of files of which a motion is missing and a frame is damaged."""


@pytest.fixture
def egotap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Egotap:
    """Runs the program in its own folder, and returns status, standard output and standard error."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setattr(sys, "argv", sys.argv)
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "support"))

    def run(*overrides: str) -> tuple[int, str, str]:
        GlobalHydra.instance().clear()
        status = 0
        try:
            main(["prepare", *overrides])
        except SystemExit as end:
            status = int(end.code or 0)
        return status, *capfd.readouterr()

    return run


@pytest.mark.parametrize(
    ("key", "value", "complaint"),
    [
        ("shard", "5/4", "shard=5/4: the first number"),
        ("shard", "half", "shard=half: expected the job's number"),
        ("shard", 3, "shard=3: expected the job's number"),
        ("on_error", "ignore", "on_error=ignore: must be one of: raise, skip"),
        ("check", "perhaps", "check=perhaps: must be true or false"),
        ("overwrite", 1, "overwrite=1: must be true or false"),
        ("workers", -1, "data.workers=-1: must be a number"),
        ("workers", "all", "data.workers=all: must be a number"),
        ("output", "x", "go together"),
        ("layout", {}, "go together"),
    ],
)
def test_wrong_values(key: str, value: object, complaint: str) -> None:
    settings = compose(verb="prepare")
    (settings["data"] if key == "workers" else settings)[key] = value
    with pytest.raises(EgotapError, match=complaint):
        _checked(settings)


def test_wrong_combinations() -> None:
    for change in ({"check": True}, {"shard": "1/2"}):
        with pytest.raises(EgotapError, match="a layout needs complete stores"):
            _checked(compose(verb="prepare") | {"layout": {}, "output": "x"} | change)


def test_shards() -> None:
    assert _checked(compose(verb="prepare")) == WHOLE
    assert _checked(compose("shard=2/4", verb="prepare")) == Shard(2, 4)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_composes(layout: str) -> None:
    settings = compose(f"layout={layout}", verb="prepare")
    assert (settings["layout"] is None) == (layout == "none")
    if layout != "none":
        assert callable(build(settings["layout"]))


def test_from_files_with_gaps_to_stores(tmp_path: Path, egotap: Egotap) -> None:
    status, _, errors = egotap(*FILES)
    assert status == 1
    assert "train: 1 motions of the list are not on disk, the first is train/7" in errors

    status, output, errors = egotap(*FILES, "check=true")
    assert status == 1
    assert "train/1/12.png: truncated" in output
    (report,) = (tmp_path / "work" / "data").glob("*.check.json")
    assert report.name in errors
    assert json.loads(report.read_text())["train"]["missing_motions"] == ["train/7"]
    assert not list(tmp_path.rglob("*.h5"))

    for shard in ("shard=1/2", "shard=2/2"):
        assert egotap(*FILES, "on_error=skip", shard)[0] == 0
    assert not list((tmp_path / "work").glob("data/*/*.h5"))
    status, _, errors = egotap(*FILES, "on_error=skip")
    assert status == 0
    assert "19 train" in errors
    assert "1 frames skipped, 1 motions not on disk" in errors
    (skipped,) = (tmp_path / "work").rglob("skipped-train.jsonl")
    assert [json.loads(line)["motion"] for line in skipped.read_text().splitlines()] == ["train/7", "train/1"]
    status, _, errors = egotap(*FILES)
    assert status == 0
    assert "already there" in errors


@pytest.mark.slow
@pytest.mark.usefixtures("forked_processes")
@pytest.mark.parametrize("layout", [name for name in LAYOUTS if name != "none"])
def test_layout_writes_a_tree(tmp_path: Path, layout: str, egotap: Egotap) -> None:
    data = {"unrealego": "egosynth", "egocap": "egosynth_stick"}.get(layout, "egosynth")
    status, _, errors = egotap(*TINY, f"data={data}", f"layout={layout}", "output=tree")
    assert status == 0, errors
    assert any(path.is_file() for path in (tmp_path / "tree").rglob("*"))
    assert f"written to {tmp_path / 'tree'}" in errors


def test_stores_of_other_settings_are_named_and_replaced_by_overwrite(tmp_path: Path, egotap: Egotap) -> None:
    sound = [override for override in FILES if "+" not in override]
    assert egotap(*sound, "data.folder=stores")[0] == 0
    other = [*sound, "data.source.seed=1", "data.folder=stores"]
    status, _, errors = egotap(*other)
    assert status == 1
    assert "overwrite=true" in errors
    before = first_image(tmp_path / "stores")
    assert egotap(*other, "overwrite=true")[0] == 0
    assert not np.array_equal(first_image(tmp_path / "stores"), before)


def first_image(folder: Path) -> np.ndarray:
    with h5py.File(folder / "train.h5") as file:
        return file["images"][0]
