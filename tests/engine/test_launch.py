"""Jobs in several processes: their group, their errors, and the job after a failed one."""

from __future__ import annotations

import itertools
import os
import signal
import traceback
from pathlib import Path

import pytest
from group_jobs import Job, add_ranks, defective, endless, killed, mistaken
from processes import AT_ONCE, CONTEXT
from smoke import wait_until
from torch.multiprocessing.spawn import ProcessContext

from egotap_pl.core.errors import EgotapError
from egotap_pl.engine.devices.devices import Devices
from egotap_pl.engine.processes import launch as launching
from egotap_pl.engine.processes.launch import ERROR, launch
from egotap_pl.engine.processes.reported import ProcessError, Reported

TRAINER = {"accelerator": "cpu", "devices": 1, "precision": "32-true", "workers": 0}


@pytest.mark.slow
def test_a_group_works_after_one_that_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    job, temporary = Job(tmp_path / "job"), tmp_path / "temporary"
    for folder in (job.folder, temporary):
        folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    # Torch waits for the first process, which waits for the second one, and then kills it: not after 30 seconds here.
    join = getattr(ProcessContext, "_join_procs_with_timeout", None)
    if join is not None:  # torch 2.5 has none
        monkeypatch.setattr(ProcessContext, join.__name__, lambda context, _: join(context, 1))
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with pytest.raises(EgotapError, match="the second process found a mistake"):
        launch(mistaken, job, 2)
    assert not list(job.folder.iterdir())
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == handlers
    launch(add_ranks, job, 2)
    assert {path.name: path.read_text() for path in job.folder.iterdir()} == {"sum-0": "3.0", "sum-1": "3.0"}
    assert not list(temporary.iterdir())


@pytest.mark.slow
@pytest.mark.usefixtures("forked_processes")
def test_processes_meet_on_a_machine_whose_name_has_no_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(_: str) -> str:
        raise OSError("Name or service not known")

    monkeypatch.setattr("socket.gethostbyname", unknown)
    monkeypatch.setattr("socket.gethostname", lambda: "no-such-host.invalid")
    monkeypatch.setattr("socket.getfqdn", lambda *_: "no-such-host.invalid")
    launch(add_ranks, Job(tmp_path), 2)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"sum-0": "3.0", "sum-1": "3.0"}
    assert "GLOO_SOCKET_IFNAME" not in os.environ


@pytest.mark.slow
@pytest.mark.usefixtures("forked_processes")
def test_a_defect_is_raised_with_its_traceback_and_not_with_what_follows_from_it(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ProcessError, match=r"^ZeroDivisionError: a defect$") as caught:
        launch(defective, Job(tmp_path), 2)
    assert "in defective\n" in str(caught.value.__cause__)
    assert "losed by peer" not in "".join(traceback.format_exception(caught.value))
    assert "Traceback" not in capfd.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.usefixtures("forked_processes")
def test_a_process_that_died_is_a_message(tmp_path: Path) -> None:
    with pytest.raises(EgotapError, match=r"one of 2 processes died.*, perhaps for lack of memory"):
        launch(killed, Job(tmp_path), 2)


@pytest.mark.parametrize("order", itertools.permutations(range(3)))
def test_what_explains_more_is_kept(order: tuple[int, ...], tmp_path: Path) -> None:
    closed = RuntimeError("[gloo/transport/tcp/pair.cc:553] Connection closed by peer [127.0.0.1]:8415")
    errors: list[Exception] = [EgotapError("a mistake"), ZeroDivisionError("a defect"), closed]
    kept = []
    for number in order:
        Reported.of(errors[number]).write(tmp_path / ERROR)
        reported = Reported.read(tmp_path / ERROR)
        assert reported is not None
        kept.append(str(reported.error()))
    messages = ["a mistake", "ZeroDivisionError: a defect", f"RuntimeError: {closed}"]
    assert kept == [messages[min(order[: k + 1])] for k in range(3)]


def launch_endless(folder: Path) -> None:
    """In a process, which gets killed."""
    launching.START_METHOD = AT_ONCE
    launch(endless, Job(folder), 2)


@pytest.mark.slow
def test_processes_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    """Otherwise they would go on beside those of the same command, run again."""
    parent = CONTEXT.Process(target=launch_endless, args=(tmp_path,))
    parent.start()
    wait_until(lambda: len(list(tmp_path.glob("pid-*"))) == 2, 300)
    parent.kill()
    parent.join()
    workers = [int(path.read_text()) for path in tmp_path.glob("pid-*")]
    wait_until(lambda: not any(map(is_running, workers)), 300)


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{pid}/stat")  # a process that has ended stays listed until its exit status is read
    return not (state.is_file() and state.read_text().rpartition(")")[2].split()[0] == "Z")


def test_one_process_needs_no_group(tmp_path: Path) -> None:
    launch(lambda job: (job.folder / "done").touch(), Job(tmp_path), 1)
    assert (tmp_path / "done").exists()


@pytest.mark.parametrize("devices", [0, -1, "2", None])
def test_devices_are_a_positive_number(devices: object) -> None:
    with pytest.raises(EgotapError, match="devices"):
        Devices.parse({**TRAINER, "devices": devices})


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("accelerator", "tpu"),
        ("workers", -1),
        ("workers", 1.5),
        ("nodes", 0),
        ("acumulate_grad_batches", 4),
        ("checkpoint_minutes", -1),
        ("checkpoint_minutes", "often"),
        ("nan_retries", 1.5),
    ],
)
def test_wrong_settings_of_devices_are_named(key: str, value: object) -> None:
    with pytest.raises(EgotapError, match=rf"trainer\.{key}"):
        Devices.parse({**TRAINER, key: value})


def test_a_batch_is_shared_evenly(tmp_path: Path) -> None:
    with pytest.raises(EgotapError, match=r"batch_size=31 must be a multiple of trainer\.devices=2"):
        Devices.parse({**TRAINER, "devices": 2}).data_module(tmp_path, 31)
    nodes = Devices.parse({**TRAINER, "devices": 2, "nodes": 3})
    assert (nodes.processes, nodes.share_of(24)) == (6, 4)
    with pytest.raises(EgotapError, match=r"batch_size=8 must be .* trainer\.devices=2 times trainer\.nodes=3"):
        nodes.share_of(8)
