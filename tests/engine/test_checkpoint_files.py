"""A training's checkpoint files: complete or absent, and what a training does when it finds them damaged."""

from __future__ import annotations

import errno
import io
import json
import os
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from smoke import EPOCHS, STEPS_PER_EPOCH, Run, interrupted_at, run_folder

from egotap_pl.core.disks import explained
from egotap_pl.engine.checkpoints.files import CheckpointFiles, EpochCheckpoint, mend_checkpoints


def flip_a_bit(path: Path) -> None:
    """Flip a bit in the middle of the largest tensor."""
    data = bytearray(path.read_bytes())
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        tensors = [archive.read(name) for name in archive.namelist() if "/data/" in name]
    largest = max(tensors, key=len)
    data[data.index(largest) + len(largest) // 2] ^= 1
    path.write_bytes(data)
    torch.load(path, weights_only=True)  # does not notice


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def spoil(path: Path) -> None:
    """Write NaN weights, as an earlier version did after a learning rate that was too large."""
    content = torch.load(path, weights_only=True)
    content["state_dict"]["a"][0] = torch.nan
    torch.save(content, path)


def remove(path: Path) -> None:
    path.unlink()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of a training that was interrupted after three epochs, of which the second was the best."""
    for name, epoch in {"best": 2, "previous": 2, "last": 3}.items():
        content = {"state_dict": {"a": torch.rand(1000), "steps": torch.tensor(7)}, "epoch": epoch}
        CheckpointFiles().save_checkpoint(content, tmp_path / "checkpoints" / f"{name}.ckpt")
    return tmp_path


def epochs(folder: Path) -> dict[str, int]:
    """The epoch of every checkpoint in a folder."""
    return {path.stem: torch.load(path, weights_only=True)["epoch"] for path in folder.glob("*.ckpt")}


@pytest.mark.parametrize("damage", [flip_a_bit, cut, empty, spoil])
def test_a_damaged_checkpoint_is_replaced_by_the_one_before_it(
    damage: Callable[[Path], None], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    last = folder / "checkpoints" / "last.ckpt"
    damage(last)
    mend_checkpoints(folder, "lifter")
    message = capsys.readouterr().err
    assert message.startswith(f"lifter: {last} ")
    assert message.endswith("; using the checkpoint before it\n")
    assert epochs(last.parent) == {"best": 2, "last": 2}


def test_a_training_killed_between_two_renames_resumes(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    remove(folder / "checkpoints" / "last.ckpt")
    mend_checkpoints(folder, "lifter")
    assert capsys.readouterr().err == ""
    assert epochs(folder / "checkpoints") == {"best": 2, "last": 2}


@pytest.mark.parametrize(
    ("damage", "names"),
    [(cut, ("last", "previous")), (flip_a_bit, ("best",)), (remove, ("best",)), (empty, ("best", "last"))],
)
def test_without_what_it_needs_a_training_starts_over(
    damage: Callable[[Path], None], names: tuple[str, ...], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in names:
        damage(folder / "checkpoints" / f"{name}.ckpt")
    mend_checkpoints(folder, "lifter")
    message = capsys.readouterr().err.splitlines()[-1]
    assert f"{names[0]}.ckpt is " in message
    assert message.endswith("; the training starts over")
    assert not (folder / "checkpoints").exists()


def test_intact_checkpoints_are_left_alone(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mend_checkpoints(folder, "lifter")
    assert epochs(folder / "checkpoints") == {"best": 2, "previous": 2, "last": 3}
    mend_checkpoints(folder / "not-started", "lifter")
    assert capsys.readouterr().err == ""


def test_a_file_that_cannot_be_read_is_not_taken_for_a_damaged_one(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreadable(path: Path) -> bytes:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(Path, "read_bytes", unreadable)
    with pytest.raises(OSError, match=r"Input/output error: .*last\.ckpt"):
        mend_checkpoints(folder, "lifter")
    monkeypatch.undo()
    assert epochs(folder / "checkpoints") == {"best": 2, "previous": 2, "last": 3}


class Interrupted(NamedTuple):
    """A training that was interrupted in its third epoch."""

    folder: Path
    """Its folder, restored for each test."""
    errors: dict[str, Any]
    """Errors of the same training without the interruption."""
    command: tuple[str, ...]


def errors(folder: Path) -> dict[str, Any]:
    metrics = json.loads((folder / "metrics.json").read_text())
    return {name: metrics[name] for name in ("mpjpe", "pa_mpjpe", "per_joint", "per_category")}


@pytest.fixture
def interrupted(whole: Path, home: Path, run: Run) -> Interrupted:
    command, copy = ("train", *EPOCHS, "paths.runs=damaged"), home / "damaged-copy"
    if not copy.is_dir():
        with interrupted_at(2 * STEPS_PER_EPOCH + 3):
            run(*command)
        shutil.copytree(home / "damaged", copy)
    shutil.rmtree(home / "damaged")
    shutil.copytree(copy, home / "damaged")
    (folder,) = (path.parent for path in (home / "damaged").rglob("run.json"))
    return Interrupted(folder, errors(whole), command)


@pytest.mark.parametrize(("name", "epoch"), [("last", 1), ("best", 0)])
def test_it_ends_as_if_nothing_had_been_damaged(name: str, epoch: int, interrupted: Interrupted, run: Run) -> None:
    flip_a_bit(interrupted.folder / "checkpoints" / f"{name}.ckpt")
    ended = run(*interrupted.command)
    assert f"{name}.ckpt is damaged" in ended.err
    assert ("resuming after epoch 1" in ended.err) == (epoch == 1)
    assert ended.err.count("lifter: epoch ") == 3 - epoch
    assert errors(interrupted.folder) == interrupted.errors


def test_unfinished_files_of_a_killed_process_are_removed(interrupted: Interrupted, run: Run) -> None:
    folder = interrupted.folder
    for path in (folder / ".metrics.json.99999.unfinished", folder / "checkpoints" / ".last.ckpt.99999.unfinished"):
        path.touch()
    ended = run(*interrupted.command)
    assert "resuming after epoch 2" in ended.err
    assert not list(folder.rglob("*.unfinished"))
    assert sorted(path.name for path in (folder / "checkpoints").iterdir()) == ["best.ckpt", "last.ckpt"]
    assert errors(folder) == interrupted.errors


def test_a_training_writes_its_checkpoints_beside_their_place(
    home: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system's folder of temporary files may be on another file system, from which a file cannot be renamed."""
    monkeypatch.setattr("tempfile.tempdir", str(home / "no-such-folder"))
    folder = run_folder(run("train", *EPOCHS, "training.epochs=1", "paths.runs=no-temporary"), home)
    assert (folder / "checkpoints" / "last.ckpt").is_file()


def test_a_checkpoint_is_on_the_disk_before_it_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(os.fstat(descriptor).st_ino))
    path = tmp_path / "checkpoints" / "last.ckpt"
    CheckpointFiles().save_checkpoint({"epoch": 1}, path)
    assert synced == [path.stat().st_ino, path.parent.stat().st_ino]


def test_the_last_two_are_kept(tmp_path: Path) -> None:
    for name in ("best.ckpt", "last.ckpt"):
        for epoch in range(3):
            CheckpointFiles().save_checkpoint({"epoch": epoch}, tmp_path / name)
    assert epochs(tmp_path) == {"best": 2, "last": 2, "previous": 1}


def test_a_full_disk_leaves_the_last_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "last.ckpt"
    CheckpointFiles().save_checkpoint({"epoch": 1}, path)

    def full(_: Path, content: bytes) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space left") as raised:
        CheckpointFiles().save_checkpoint({"epoch": 2}, path)
    advice = "make room, then run the same command again: it resumes"
    assert explained(raised.value) == f"{path}: no space left on device; {advice}"
    assert epochs(tmp_path) == {"last": 1}


def test_the_best_epoch_is_remembered_where_the_folder_was_moved(
    tmp_path: Path, recwarn: pytest.WarningsRecorder
) -> None:
    before = ModelCheckpoint(tmp_path / "here", "best", "validation/mpjpe", mode="min")
    before.best_model_path = before.kth_best_model_path = str(tmp_path / "here" / "best.ckpt")
    before.best_model_score = before.kth_value = torch.tensor(30.0)
    before.best_k_models = {before.best_model_path: torch.tensor(30.0)}
    after = EpochCheckpoint(tmp_path / "there", "best", "validation/mpjpe", mode="min")
    assert after.state_key == before.state_key
    after.load_state_dict(before.state_dict())
    best = str(tmp_path / "there" / "best.ckpt")
    assert (after.best_model_path, after.kth_best_model_path) == (best, best)
    assert after.best_k_models == {best: torch.tensor(30.0)}
    assert after.best_model_score == after.kth_value == 30.0
    assert not list(recwarn)
