"""metrics.csv of a training that was interrupted while the file was written."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import pytest
from lightning.pytorch.loggers import CSVLogger
from smoke import EPOCHS, Run, interrupted_at

from egotap_pl.engine.runs.results import best_validation, resumed_csv

pytestmark = pytest.mark.filterwarnings("ignore:Experiment logs directory")
NAMES = ("epoch", "step", "train/loss", "validation/mpjpe")
ROWS = (["0", "9", "2.5", ""], ["0", "15", "", "300.25"], ["1", "19", "1.5", ""], ["1", "31", "", "250.5"])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "metrics.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([NAMES, *ROWS])
    return path


def resumed(path: Path, steps: int = 32) -> list[list[str]]:
    """Rows of the file after a resumed training has opened it."""
    resumed_csv(CSVLogger(path.parent, name="", version=""), steps)
    with path.open(newline="") as file:
        return list(csv.reader(file))[1:]


def test_what_the_checkpoint_holds_is_kept(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert resumed(path) == [*ROWS]
    assert resumed(path, steps=16) == [*ROWS[:2]]
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("left", range(1, len("1,31,,250.5") + 1))
def test_a_cut_row_is_dropped_wherever_it_is_cut(left: int, path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Half a number is also a number."""
    content = path.read_bytes()
    end = content.index(b"1,31") + left
    path.write_bytes(content[:end])
    assert best_validation(path.parent, "validation/mpjpe") == 300.25
    assert resumed(path) == [*ROWS[:3]]
    assert "metrics.csv: dropping 1 of 4 rows, which are damaged" in capsys.readouterr().err.replace("\n", "")


@pytest.mark.parametrize("damage", [b"\0", b"x", b"\xff", b",", b'"'])
def test_a_damaged_row_is_dropped_and_the_others_are_kept(damage: bytes, path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content.replace(b"0,15,,300.25", b"0,15,,300" + damage + b".25"))
    assert resumed(path) == [ROWS[0], *ROWS[2:]]


@pytest.mark.parametrize(
    "content", [b"", b"epoch,st", b"\0" * 100, b"epoch,stop,train/loss,validation/mpjpe\r\n0,9,2.5,\r\n"]
)
def test_without_a_row_to_keep_nothing_is_kept(content: bytes, path: Path) -> None:
    path.write_bytes(content)
    assert math.isnan(best_validation(path.parent, "validation/mpjpe"))
    logger = resumed_csv(CSVLogger(path.parent, name="", version=""), 32)
    assert not path.exists() or path.read_bytes() == content
    logger.log_metrics({"epoch": 2, "train/loss": 1.0}, step=33)
    logger.save()
    assert path.read_text().splitlines() == ["epoch,step,train/loss", "2,33,1.0"]


def test_a_training_goes_on_with_a_cut_log(whole: Path, home: Path, run: Run) -> None:
    command = ("train", *EPOCHS)
    with interrupted_at(20):
        run(*command, "paths.runs=cut-log")
    (path,) = (home / "cut-log").rglob("metrics.csv")
    content = path.read_bytes()
    path.write_bytes(content[: content.rindex(b",")])
    ended = run(*command, "paths.runs=cut-log")
    assert "rows, which are damaged" in ended.err
    assert "resuming after epoch 2" in ended.err
    lines, expected = path.read_text().splitlines(), (whole / "metrics.csv").read_text().splitlines()
    assert [line for line in expected if line in lines] == lines
    assert len(lines) == len(expected) - 1
