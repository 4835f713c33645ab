"""A finished run with damaged files: the same command makes them again, and says so."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from smoke import EPOCHS, Run, run_folder

COMMAND = ("train", *EPOCHS, "paths.runs=broken")
NAMES = ("mpjpe", "pa_mpjpe", "per_joint", "per_category", "seed")


def remove(path: Path) -> None:
    path.unlink()


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def zero(path: Path) -> None:
    path.write_bytes(bytes(path.stat().st_size))


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) * 2 // 3] ^= 1
    path.write_bytes(content)


def replace(path: Path) -> None:
    path.write_text('[1, {"a": null}]')


@pytest.fixture
def finished(home: Path, run: Run) -> Path:
    """The folder of a finished run, restored for each test."""
    copy = home / "broken-copy"
    if not copy.is_dir():
        run(*COMMAND)
        shutil.copytree(home / "broken", copy)
    shutil.rmtree(home / "broken", ignore_errors=True)
    shutil.copytree(copy, home / "broken")
    (folder,) = (path.parent for path in (home / "broken").rglob("run.json"))
    return folder


def errors(folder: Path) -> dict[str, Any]:
    metrics = json.loads((folder / "metrics.json").read_text())
    return {name: metrics[name] for name in NAMES}


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("metrics.json", remove),
        ("metrics.json", cut),
        ("metrics.json", flip),
        ("metrics.json", replace),
        ("predictions.h5", zero),
        ("predictions.h5", remove),
        ("checkpoints/best.ckpt", flip),
        ("checkpoints/best.ckpt", remove),
        ("done.json", zero),
        ("done.json", replace),
    ],
)
def test_a_result_is_made_again(name: str, damage: Callable[[Path], None], finished: Path, run: Run) -> None:
    expected = errors(finished)
    damage(finished / name)
    outcome = run(*COMMAND)
    assert "already there, broken" not in outcome.err
    if name != "done.json":
        assert f"{name} is " in outcome.err
    assert run_folder(outcome, finished.parents[3]) == finished
    assert errors(finished) == expected
    again = run(*COMMAND)
    assert "already there, broken" in again.err
    assert "making it again" not in again.err


@pytest.mark.parametrize("name", ["run.json", "config.yaml"])
@pytest.mark.parametrize("damage", [remove, zero])
def test_a_description_is_written_again(name: str, damage: Callable[[Path], None], finished: Path, run: Run) -> None:
    before = {path: path.read_bytes() for path in finished.rglob("*.*") if path.name != name}
    content = yaml.safe_load((finished / name).read_text())
    content.pop("versions", None)  # those of the run's beginning are not known any more
    damage(finished / name)
    outcome = run(*COMMAND)
    assert f"{name} is missing or damaged; writing it again" in outcome.err
    assert "already there, broken" in outcome.err
    assert yaml.safe_load((finished / name).read_text()) == content
    assert {path: path.read_bytes() for path in before} == before


@pytest.mark.parametrize("damage", [remove, cut, zero])
def test_a_damaged_log_is_named_and_changes_no_result(damage: Callable[[Path], None], finished: Path, run: Run) -> None:
    from egotap_pl.engine.runs.results import best_validation

    best = best_validation(finished, "validation/mpjpe")
    damage(finished / "metrics.csv")
    outcome = run(*COMMAND)
    assert "metrics.csv is " in outcome.err
    assert "to train again" in outcome.err
    assert "already there, broken" in outcome.err
    assert best_validation(finished, "validation/mpjpe") == best > 0


def test_a_run_of_an_earlier_version_is_checked_as_far_as_it_can_be(finished: Path, run: Run) -> None:
    done = json.loads((finished / "done.json").read_text())
    del done["files"]
    (finished / "done.json").write_text(json.dumps(done))
    assert "already there, broken" in run(*COMMAND).err
    cut(finished / "predictions.h5")
    assert "predictions.h5 is damaged; making it again" in run(*COMMAND).err
    assert "already there, broken" in run(*COMMAND).err
