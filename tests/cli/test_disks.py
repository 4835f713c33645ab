"""Disks that fail in any way: one message, nothing half-written, and the same command goes on later."""

from __future__ import annotations

import gc
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from faulty_disk import CannotMount, FaultyDisk
from smoke import EPOCHS, LIFTER, SMOKE, Outcome, Run, at_step, run_folder, store_of

from egotap_pl.analysis.predictions import Predictions
from egotap_pl.core.hdf5_disks import leave_failed_disks
from egotap_pl.data.store.reader import FrameStore
from egotap_pl.engine.runs.pictures import ensure_picture

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


@pytest.fixture
def faulty(tmp_path: Path) -> Iterator[FaultyDisk]:
    """A disk that fails when it is told to."""
    (tmp_path / "faulty").mkdir()
    (tmp_path / "backing").mkdir()
    try:
        disk = FaultyDisk(tmp_path / "faulty", tmp_path / "backing")
    except (CannotMount, FileNotFoundError):
        pytest.skip("needs the right to mount, and FUSE")
    yield disk
    disk.unmount()
    leave_failed_disks()


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


FAULTS = {
    "over quota": ("disk quota exceeded", "make room"),
    "stale": ("stale file handle", "mount the disk again"),
    "failing": ("input/output error", "use another one"),
    "vanished": ("", "mount it again"),
}
"""Kinds of failures, with parts of the message."""
FEW = (*SMOKE, "data.workers=0", "data.frames={train: 4, validation: 2, test: 2}")


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS)
def test_a_training_goes_on_after_its_disk_has_failed(fault: str, faulty: FaultyDisk, whole: Path, run: Run) -> None:
    here = ("train", *EPOCHS, f"paths.runs={faulty.folder}/runs")
    with at_step(12, lambda _: faulty.fail(fault)):
        failed(run(*here, ok=False), f"{faulty.folder}/", *FAULTS[fault], "resumes")
    faulty.mend()
    assert not list(faulty.folder.rglob("done.json"))
    folder = run_folder(run(*here), Path("/"))
    assert not list(faulty.folder.rglob("*.unfinished"))
    one, other = (Predictions.read(path / "predictions.h5") for path in (whole, folder))
    assert torch.equal(torch.from_numpy(one.pose_cm), torch.from_numpy(other.pose_cm))


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("after", [0, 30, 90])
def test_a_preparation_goes_on_after_its_disk_has_failed(fault: str, after: int, faulty: FaultyDisk, run: Run) -> None:
    here = ("prepare", *FEW, f"data.folder={faulty.folder}/data")
    faulty.fail(fault, after)
    failed(run(*here, ok=False), f"{faulty.folder}", *FAULTS[fault])
    faulty.mend()
    run(*here)
    for split in ("train", "validation", "test"):
        FrameStore(faulty.folder / "data" / f"{split}.h5").check()
    assert not list(faulty.folder.rglob("*.unfinished"))


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["stale", "failing", "vanished"])
def test_data_on_a_disk_that_fails_are_not_called_damaged(fault: str, faulty: FaultyDisk, run: Run) -> None:
    prepare = ("prepare", *FEW, f"data.folder={faulty.folder}/data")
    run(*prepare)
    train = (
        "train",
        *FEW,
        "heatmaps=truth",
        f"data.folder={faulty.folder}/data",
        f"paths.runs={faulty.folder.parent}/runs",
    )
    with at_step(1, lambda _: faulty.fail(fault)):
        outcome = run(*train, ok=False)
    failed(outcome, f"{faulty.folder}/data/", *FAULTS[fault])
    assert "damaged" not in outcome.err
    faulty.mend()
    faulty.fail(fault)
    failed(run(*prepare, "overwrite=true", ok=False), f"{faulty.folder}", *FAULTS[fault])
    faulty.mend()
    assert "already there" in run(*prepare).err  # overwrite=true has not removed what it could not read
    run(*train)


@pytest.mark.slow
@pytest.mark.parametrize("after", [3, 6, 9])
def test_poses_that_did_not_fit_are_written_later(
    after: int, faulty: FaultyDisk, home: Path, whole: Path, run: Run, capfd: pytest.CaptureFixture[str]
) -> None:
    store = store_of(whole, home)
    here = ("predict", f"checkpoint={whole}", f"input={store}", f"output={faulty.folder}/poses.h5")
    faulty.fail("over quota", after)
    failed(run(*here, ok=False), f"{faulty.folder}", *FAULTS["over quota"])
    gc.collect()
    assert "Exception ignored" not in capfd.readouterr().err
    faulty.mend()
    run(*here)
    assert not list(faulty.folder.rglob("*.unfinished"))
    with h5py.File(faulty.folder / "poses.h5") as poses:
        np.testing.assert_allclose(poses["pose_cm"], Predictions.read(whole / "predictions.h5").pose_cm, atol=1e-3)


def test_what_a_disk_kept_of_a_picture_is_removed_when_it_is_drawn(home: Path, whole: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(whole, folder)
    (folder / "poses.png").unlink()
    (folder / ".poses.png.123.unfinished").write_bytes(b"half")
    store = store_of(whole, home)
    assert ensure_picture(folder, store, ("egotap_pl",)) == folder / "poses.png"
    assert not list(folder.glob(".poses.png*"))
