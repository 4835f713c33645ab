"""Disks that are read-only or full: one message, nothing half-written, and the same command goes on later."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from smoke import LIFTER, Outcome, Run, run_folder

Disk = Callable[[str], None]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small disk in memory."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=40m", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("needs the right to mount")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def remount(folder: Path, options: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{options}", str(folder)], check=True)


def failed(outcome: Outcome, *parts: str) -> None:
    assert outcome.status == 1
    assert "Traceback" not in outcome.err
    (line,) = (line for line in outcome.err.splitlines() if line.startswith("egotap: "))
    for part in parts:
        assert part in line


def test_finished_work_on_a_read_only_disk_is_read(disk: Path, run: Run, tmp_path: Path) -> None:
    here = ("train", *LIFTER, f"paths.work={disk}/work", f"paths.runs={disk}/runs")
    folder = run_folder(run(*here), Path("/"))
    remount(disk, "ro")
    assert f"already there, {folder}" in run(*here).err
    failed(run(*here, "seed=1", ok=False), f"{disk}/runs", "read-only file system; choose a folder on another disk")
    run(*here, "seed=1", f"paths.runs={tmp_path}/runs")  # trained on data of the read-only disk
    checkpoint = f"checkpoint={folder}/checkpoints/best.ckpt"
    run("evaluate", checkpoint, f"paths.work={disk}/work")
    (store,) = (disk / "work" / "data").iterdir()
    run("predict", checkpoint, f"input={store}", "split=test", f"output={tmp_path}/poses.h5")
    failed(run("predict", checkpoint, f"input={store}", f"output={disk}/poses.h5", ok=False), f"{disk}/poses.h5")


@pytest.mark.parametrize("size", ["100k", "600k", "1100k"])
def test_a_full_disk_is_named_and_the_command_goes_on_later(size: str, disk: Path, run: Run) -> None:
    remount(disk, f"size={size}")
    here = ("train", *LIFTER, f"paths.work={disk}/work", f"paths.runs={disk}/runs")
    failed(run(*here, ok=False), f"{disk}/", "no space left on device", "make room", "resumes")
    assert not list(disk.rglob("*.unfinished"))
    assert not list(disk.rglob("done.json"))
    remount(disk, "size=40m")
    run(*here)
    assert len(list(disk.rglob("done.json"))) == 1
