"""Several processes: their group, their mistakes, and the job after a failed one."""

from __future__ import annotations

from pathlib import Path

import pytest
from group_jobs import Job, add_ranks, defective, mistaken

from egotap_pl.cli.launch import launch, num_processes
from egotap_pl.core.errors import EgotapError


@pytest.mark.slow
def test_a_group_works_after_one_that_failed(tmp_path: Path) -> None:
    job = Job(tmp_path)
    with pytest.raises(EgotapError, match="the second process found a mistake"):
        launch(mistaken, job, 2)
    assert not list(tmp_path.iterdir())
    launch(add_ranks, job, 2)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"sum-0": "3.0", "sum-1": "3.0"}


@pytest.mark.slow
def test_a_defect_keeps_its_traceback(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(Exception, match="FAILED") as caught:
        launch(defective, Job(tmp_path), 2)
    assert not isinstance(caught.value, EgotapError)
    assert "ZeroDivisionError: a defect" in capfd.readouterr().err


def test_one_process_needs_no_group(tmp_path: Path) -> None:
    launch(lambda job: (job.folder / "done").touch(), Job(tmp_path), 1)
    assert (tmp_path / "done").exists()


@pytest.mark.parametrize("devices", [0, -1, "2", None])
def test_devices_are_a_positive_number(devices: object) -> None:
    with pytest.raises(EgotapError, match="devices"):
        num_processes({"devices": devices, "accelerator": "cpu"})
