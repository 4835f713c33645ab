"""`egotap evaluate` takes its data from the command line or by their fingerprint, not from a path in a checkpoint."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from random_checkpoints import checkpoint
from smoke import Run

from egotap_pl.data.datamodule import FrameDataModule
from egotap_pl.engine.checkpoints.loading import KEY, read_checkpoint
from egotap_pl.engine.datasets import fingerprint_of_frames
from egotap_pl.engine.settings import DataSpec

SIZES = (
    "data.source.frames={train: 6, validation: 2, test: 4}",
    "data.source.subjects={train: 2, validation: 1, test: 1}",
)


CONTENTS: dict[tuple[str, ...], Mapping[str, Any]] = {}
"""Contents of checkpoints by the overrides that they were made with, before changes."""


class Bomb:
    """An object that would create a file if it were unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


def changed_checkpoint(path: Path, *overrides: str, **changes: Any) -> Path:
    """A checkpoint with the fingerprint of its data, and with changes to its description."""
    if overrides not in CONTENTS:
        content = read_checkpoint(checkpoint(path, "experiment=table2/cnn", "heatmaps=truth", *SIZES, *overrides))
        content[KEY]["data_fingerprint"] = fingerprint_of_frames(DataSpec.parse(content[KEY]["data"]))
        CONTENTS[overrides] = content
    content = CONTENTS[overrides]
    torch.save({**content, KEY: {**content[KEY], **changes}}, path)
    return path


def write_text(folder: Path) -> Any:
    path = {"_target_": "pathlib.Path", "_args_": [str(folder / "x")]}
    return {"_target_": "pathlib.Path.write_text", "_args_": [path, "x"]}


def load_pickle(folder: Path) -> Any:
    (folder / "bomb.pt").write_bytes(pickle.dumps(Bomb(folder / "x")))
    return {"_target_": "torch.load", "f": str(folder / "bomb.pt"), "weights_only": False}


def program(folder: Path) -> Any:
    return [{"deep": {"_target_": "subprocess.Popen", "args": ["touch", str(folder / "x")]}}]


def writer(folder: Path) -> Any:
    return {"_target_": "egotap_pl.data.store.heatmaps.HeatmapWriter", "path": str(folder / "x"), "frames": 1}


def partial(folder: Path) -> Any:
    return {**program(folder)[0]["deep"], "_partial_": True}


@pytest.mark.parametrize("part", ["source", "codec"])
@pytest.mark.parametrize("attack", [write_text, load_pickle, program, writer, partial])
def test_what_a_checkpoint_names_as_its_data_is_not_built(
    attack: Callable[[Path], Any], part: str, run: Run, tmp_path: Path
) -> None:
    folder = tmp_path / "attacked"
    folder.mkdir()
    spec = attack(folder)
    path = changed_checkpoint(tmp_path / "own.ckpt")
    entry = read_checkpoint(path)[KEY]
    for node in (spec, {**entry["data"][part], "motions": [spec], "quality": spec, "image_px": spec}):
        hostile = {**entry["data"], part: node, "folder": str(folder / "stores")}
        changed_checkpoint(path, data=hostile, data_fingerprint="0" * 64)
        before = sorted(folder.iterdir())
        error = run("evaluate", f"checkpoint={path}", f"paths.work={tmp_path}/work", ok=False).err
        assert "store=DIR" in error
        assert "Traceback" not in error
        assert sorted(folder.iterdir()) == before
    assert not list((tmp_path / "work").rglob("*.h5"))


@pytest.mark.parametrize(
    "name", ["none_such", "../data/egosynth", "${oc.env:HOME}", "egosynth,egosynth_stick", "unrealego", ""]
)
def test_a_data_set_that_is_not_in_conf_or_cannot_be_prepared_is_named(name: str, run: Run, tmp_path: Path) -> None:
    path = changed_checkpoint(tmp_path / "own.ckpt")
    changed_checkpoint(path, data={**read_checkpoint(path)[KEY]["data"], "name": name})
    error = run("evaluate", f"checkpoint={path}", f"paths.work={tmp_path}/work", ok=False).err
    assert f"trained on {name}" in error
    assert "store=DIR" in error


def test_the_same_frames_are_prepared_again_from_the_name_and_the_numbers(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("egotap_pl.data.preparation.prepare.usable_cpus", lambda: 0)  # renders here, without workers
    path = changed_checkpoint(tmp_path / "own.ckpt", "codec=jpeg", "data.codec.quality=71", "data.source.seed=5")
    entry = read_checkpoint(path)[KEY]
    changed_checkpoint(
        path,
        "codec=jpeg",
        "data.codec.quality=71",
        "data.source.seed=5",
        data={**entry["data"], "folder": f"{tmp_path}/elsewhere"},
    )
    command = ("evaluate", f"checkpoint={path}", f"paths.work={tmp_path}/work")
    assert "4 frames" in run(*command).out
    (store,) = (tmp_path / "work" / "data").glob("egosynth-*")
    assert FrameDataModule(store, batch_size=1).fingerprint == entry["data_fingerprint"]
    assert not (tmp_path / "elsewhere").exists()
    store.rename(store.with_name("moved"))
    assert f"found by its fingerprint, {store.with_name('moved')}" in run(*command).err


def test_numbers_that_the_source_cannot_use_are_named(run: Run, tmp_path: Path) -> None:
    path = changed_checkpoint(tmp_path / "own.ckpt")
    data = read_checkpoint(path)[KEY]["data"]
    for image_px in (None, -1, 0.5, True):
        changed_checkpoint(path, data={**data, "source": {**data["source"], "image_px": image_px}})
        error = run("evaluate", f"checkpoint={path}", f"paths.work={tmp_path}/work", ok=False).err
        assert "store=DIR" in error
        assert "Traceback" not in error


def test_more_than_any_data_set_has_is_not_prepared(run: Run, tmp_path: Path) -> None:
    for size in ("data.source.image_px=30016", "data.source.frames.test=2000000000"):
        path = changed_checkpoint(tmp_path / "own.ckpt", size)
        assert "store=DIR" in run("evaluate", f"checkpoint={path}", f"paths.work={tmp_path}/work", ok=False).err


def test_the_command_line_names_the_data(run: Run, tmp_path: Path) -> None:
    path = changed_checkpoint(tmp_path / "own.ckpt", data_fingerprint="")
    command = ("evaluate", f"checkpoint={path}", f"paths.work={tmp_path}/work")
    assert "store=DIR" in run(*command, ok=False).err
    data = ("data=egosynth", "scale=smoke", *SIZES, "data.workers=0")
    assert "4 frames" in run(*command, *data).out
    (store,) = (tmp_path / "work" / "data").glob("egosynth-*")
    assert "4 frames" in run(*command, f"store={store}").out
    assert "give one of them" in run(*command, f"store={store}", *data, ok=False).err
    other = ("data=egosynth_stick", *data[1:])
    assert "skeleton" in run(*command, *other, ok=False).err


def test_images_of_another_size_are_named(run: Run, tmp_path: Path) -> None:
    path = checkpoint(tmp_path / "own.ckpt", "experiment=table2/cnn")
    data = ("data=egosynth", "scale=smoke", "scale.image_px=96", *SIZES, "data.workers=0")
    error = run("evaluate", f"checkpoint={path}", f"paths.work={tmp_path}/work", *data, ok=False).err
    assert "images of 64 px" in error
    assert "images of 96 px" in error
    assert "scale.image_px=64" in error


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("data=egosynth_stick", "scale=smoke"), "is for the skeleton unrealego, but the data of egosynth_stick have"),
        (("data=egosynth", "scale=smoke", "scale.image_px=96"), "but the data of egosynth have images of 96 px"),
    ],
)
def test_data_that_do_not_fit_are_refused_before_they_are_prepared(
    words: tuple[str, ...], message: str, tmp_path: Path, run: Run
) -> None:
    path = checkpoint(tmp_path / "other.ckpt")
    err = run("evaluate", f"checkpoint={path}", *words, f"paths.data={tmp_path / 'data'}", ok=False).err
    assert message in " ".join(err.split())
    assert not (tmp_path / "data").exists()
