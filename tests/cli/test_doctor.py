"""`egotap doctor` says what is there, what is not, and how to get it."""

from __future__ import annotations

import importlib.metadata
import shutil
from pathlib import Path

import pytest
import torch
from fake_source import write_fake
from preparing import damage_images
from smoke import LIFTER, Run, run_folder, store_of

from egotap_pl import __version__
from egotap_pl.cli.main import main
from egotap_pl.data.store.codec import PngCodec, RawCodec


def lines(out: str, topic: str) -> list[str]:
    return [line.removeprefix(topic).strip() for line in out.splitlines() if line.startswith(topic)]


@pytest.mark.parametrize("word", ["--version", "-V"])
def test_version(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main([word])
    assert capsys.readouterr().out == f"egotap {__version__}\n"


def test_an_empty_folder(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    out = run("doctor").out
    assert lines(out, "egotap")[0].startswith(__version__)
    assert lines(out, "packages")[0].startswith(
        f"torch {torch.__version__.partition('+')[0]}"
    )  # the build may be missing
    assert len(lines(out, "disk")) == 3
    assert not lines(out, "data") + lines(out, "stages") + lines(out, "runs")
    assert not list(tmp_path.iterdir())


def test_data_runs_and_damage(home: Path, run: Run, tmp_path: Path) -> None:
    finished = run_folder(run("train", *LIFTER), home)
    shutil.copytree(finished, tmp_path / "runs" / "finished")
    shutil.copytree(finished, tmp_path / "runs" / "interrupted")
    (tmp_path / "runs" / "interrupted" / "done.json").unlink()
    data = store_of(finished, home)
    for name in ("sound", "damaged"):
        shutil.copytree(data, tmp_path / "data" / name)
    (tmp_path / "data" / "damaged" / "test.h5").write_bytes(b"no store")
    (tmp_path / "data" / "damaged" / "train.h5").unlink()
    for kind in ("joint", "shared"):
        shutil.copytree(finished, tmp_path / "stages" / f"{kind}-estimator-0123456789ab")
    folders = [f"paths.{name}={tmp_path / name}" for name in ("data", "stages", "runs")]
    out = run("doctor", *folders).out
    assert lines(out, "stages") == [f"{kind}-estimator: 1 of 1 finished" for kind in ("joint", "shared")]
    damaged, sound = lines(out, "data")
    assert sound == "sound: train 16, validation 4, test 8"
    assert damaged.startswith("damaged: validation 4  ->  ")
    assert "test.h5" in damaged
    assert lines(out, "runs") == [f"{tmp_path / 'runs'}: 1 of 2 finished  ->  run the same commands again: they resume"]


def test_all_frames_of_prepared_data_are_checked(run: Run, tmp_path: Path) -> None:
    for split, codec in {"train": PngCodec(), "test": RawCodec()}.items():
        write_fake(tmp_path / f"{split}.h5", codec)
    outcome = run("doctor", f"store={tmp_path}")
    assert [line.split(maxsplit=1) for line in outcome.out.splitlines()] == [
        [f"{split}.h5", "20 frames, all sound"] for split in ("test", "train")
    ]
    damage_images(tmp_path / "train.h5", [3, 11, 12])
    (tmp_path / "validation.h5").write_bytes(b"no store")
    outcome = run("doctor", f"store={tmp_path}", ok=False)
    assert [line.split(maxsplit=1)[1] for line in outcome.out.splitlines()] == [
        "20 frames, all sound",
        "3 of 20 frames are damaged: 3, 11-12",
        "damaged as a whole",
    ]
    assert outcome.status == 1
    first, second, remedy = outcome.err.splitlines()
    assert first.startswith(f"egotap: {tmp_path}/train.h5: the image of frame 3 is damaged (")
    assert second.startswith(f"{tmp_path}/validation.h5 cannot be read as an HDF5 file (")
    assert "egotap prepare" in remedy
    assert run("doctor", f"store={tmp_path}/test.h5").status == 0


def test_a_folder_without_prepared_data_is_not_sound(run: Run, tmp_path: Path) -> None:
    for place in (tmp_path, tmp_path / "absent"):
        assert f"store={place}: no frame store there" in run("doctor", f"store={place}", ok=False).err


def test_an_extra_that_is_not_installed(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    version = importlib.metadata.version

    def without_video(name: str) -> str:
        if name == "av":
            raise importlib.metadata.PackageNotFoundError(name)
        return version(name)

    monkeypatch.setattr(importlib.metadata, "version", without_video)
    installed, *missing = lines(run("doctor").out, "extras")
    assert "video" not in installed
    assert "video: not installed (av)  ->  pip install 'egotap-pl[video]'" in missing


def test_a_disk_without_room(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10 * 2**30, 9 * 2**30, 2**30))
    for line in lines(run("doctor").out, "disk"):
        assert "1.0 GiB free  ->  make room" in line
