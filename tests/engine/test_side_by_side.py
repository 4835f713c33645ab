"""Estimators that are trained at the same time, and the processes that do it."""

from __future__ import annotations

import io
import os
import signal
from pathlib import Path

import pytest
import torch
from beside_jobs import do, meet
from processes import Command, members
from rich.console import Console
from smoke import SMOKE, Run, run_folder
from test_launch import TRAINER, wait_until

from egotap_pl.core.bars import SentBar, SharedBars
from egotap_pl.core.errors import EgotapError
from egotap_pl.core.stopping import Stopped
from egotap_pl.engine.devices.devices import Devices
from egotap_pl.engine.processes.reported import ProcessError
from egotap_pl.engine.processes.side_by_side import side_by_side

ESTIMATORS = ("estimators.joint.epochs=2", "estimators.joint.batch_size=4", "estimators.limb.batch_size=4")
BESIDE = ("train", *SMOKE, *ESTIMATORS, "trainer.side_by_side=true")


def test_processes_run_at_the_same_time_with_their_share_of_threads(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Started as users' are: these have the threads of new processes, not of forks."""
    one, other = tmp_path / "one", tmp_path / "other"
    side_by_side(meet, {"one": (one, other), "other": (other, one)}, threads=3)
    assert one.read_text() == other.read_text() == "3"
    assert sorted(capsys.readouterr().err.splitlines()) == ["one has begun", "other has begun"]


@pytest.mark.usefixtures("forked_processes")
@pytest.mark.parametrize(
    ("what", "error", "message"),
    [
        ("mistake", EgotapError, "^a mistake$"),
        ("defect", ProcessError, "^ZeroDivisionError: a defect$"),
        ("SIGKILL", EgotapError, r"a job: its process died \(SIGKILL\).*trainer\.side_by_side=false"),
        ("SIGTERM", Stopped, "SIGTERM"),
    ],
)
def test_when_one_fails_the_others_end_as_by_a_signal(
    what: str, error: type[BaseException], message: str, tmp_path: Path
) -> None:
    with pytest.raises(error, match=message) as caught:
        side_by_side(do, {"another": ("wait", tmp_path), "a job": (what, tmp_path)}, threads=1)
    assert (tmp_path / "ended").read_text() == "SIGTERM"
    assert what != "defect" or "in do\n" in str(caught.value.__cause__)


def test_bars_are_those_of_all_processes() -> None:
    output = io.StringIO()
    console = Console(file=output, force_terminal=True, width=140, legacy_windows=False, color_system=None)
    with SharedBars(console) as bars:

        class Sent:
            def __init__(self, name: str) -> None:
                self.name = name

            def send(self, content: dict[str, object]) -> None:
                bars.show(self.name, content)

        one, other = SentBar(Sent("one")), SentBar(Sent("other"))
        one.open("first", 12, 3)
        other.update(completed=1)  # not open: nothing
        other.open("second", 7, 0)
        one.update(advance=2, note="an error")
        other.update(completed=6)
        one.close()
    text = output.getvalue()
    first, _, second = text[text.rindex("first") :].partition("\n")  # as they are shown last
    assert "5/12" in first
    assert "an error" in first
    assert "second" in second
    assert "6/7" in second


@pytest.mark.parametrize(
    ("trainer", "threads", "trainings", "shares"),
    [
        ({}, 2, 2, 2),  # earlier versions had no such setting
        ({"side_by_side": "auto"}, 2, 2, 2),
        ({"side_by_side": "auto"}, 1, 2, 1),
        ({"side_by_side": "auto"}, 2, 1, 1),
        ({"side_by_side": "auto", "devices": 2}, 4, 2, 1),
        ({"side_by_side": False}, 2, 2, 1),
        ({"side_by_side": True}, 1, 2, 2),
    ],
)
def test_when_trainings_run_side_by_side(
    trainer: dict[str, object], threads: int, trainings: int, shares: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    devices = Devices.parse({**TRAINER, **trainer})
    assert devices.shares(trainings) == shares
    assert devices.determining == {}


@pytest.mark.parametrize(
    "trainer", [{"side_by_side": "never"}, {"side_by_side": 1}, {"side_by_side": True, "devices": 2}]
)
def test_a_wrong_setting_is_named(trainer: dict[str, object]) -> None:
    with pytest.raises(EgotapError, match=r"trainer\.side_by_side="):
        Devices.parse({**TRAINER, **trainer})


@pytest.mark.slow
@pytest.mark.usefixtures("forked_processes")
def test_the_result_is_that_of_one_after_the_other(home: Path, run: Run) -> None:
    folders = {}
    for value in ("true", "false"):
        paths = (f"paths.runs=beside-{value}", f"paths.stages=beside-{value}/stages")
        ended = run("train", *SMOKE, *ESTIMATORS, f"trainer.side_by_side={value}", *paths)
        assert "joint estimator: epoch 2/2" in ended.err
        assert "already there" not in ended.err.partition("epoch")[2]
        again = run("train", *SMOKE, *ESTIMATORS, f"trainer.side_by_side={value}", *paths)
        assert "epoch" not in again.err
        folders[value] = home / f"beside-{value}"
        assert run_folder(ended, home) == run_folder(again, home)
    names = sorted(
        path.relative_to(folders["true"] / "stages") for path in folders["true"].rglob("stages/*/*/last.ckpt")
    )
    assert len(names) == 2
    for name in names:
        one, other = (torch.load(folders[v] / "stages" / name, weights_only=True)["state_dict"] for v in folders)
        assert all(torch.equal(value, other[key]) for key, value in one.items())
        logs = [(folders[value] / "stages" / name.parents[1] / "metrics.csv").read_text() for value in folders]
        assert logs[0] == logs[1]


@pytest.mark.slow
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 75)])
def test_a_signal_ends_both_after_their_steps(number: signal.Signals, status: int, home: Path, run: Run) -> None:
    """A terminal sends Ctrl-C to all processes; SIGTERM is sent to their parent."""
    paths = (f"paths.runs=beside-{number.name}", f"paths.stages=beside-{number.name}/stages")
    long = ("estimators.joint.epochs=100000", "estimators.limb.epochs=100000", "trainer.checkpoint_minutes=0")
    started = Command(home, *BESIDE, *paths, *long, group=True)
    pid = started.process.pid
    assert pid is not None
    stages = home / f"beside-{number.name}" / "stages"
    wait_until(lambda: len(list(stages.rglob("last.ckpt"))) == 2)
    (os.killpg if number == signal.SIGINT else os.kill)(pid, number)
    ended = started.end()
    assert ended.status == status, ended
    assert "Traceback" not in ended.err
    lines = ended.err.count(f"{number.name}: ending after this step")
    assert lines == 1 or (lines == 0 and number == signal.SIGINT)  # both may end before their parent gets to it
    assert "run the same command" in ended.err.splitlines()[-1]
    wait_until(lambda: not members(pid))
    assert not list(stages.rglob("done.json"))
    if number == signal.SIGINT:  # what follows is the same after either
        return
    again = Command(home, *BESIDE, *paths, *long, group=True)
    pid = again.process.pid
    assert pid is not None
    err = again.log / "err"
    wait_until(lambda: err.exists() and err.read_text().count("estimator: resuming after epoch") == 2)
    os.kill(pid, signal.SIGKILL)
    again.end()
    wait_until(lambda: not members(pid))
