"""Predictions that somebody else made: they are read from their own file alone, or refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from egotap_pl.analysis import predictions
from egotap_pl.analysis.predictions import Predictions
from egotap_pl.core.errors import EgotapError
from egotap_pl.core.skeleton import unrealego

FRAMES = 4


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write(tmp_path / "predictions.h5")


def write(path: Path) -> Path:
    pose_cm, numbers = np.ones((FRAMES, 16, 3), np.float32), np.arange(FRAMES)
    seen, names = np.ones((FRAMES, 2, 16), np.uint8), ("a",) * FRAMES
    Predictions(pose_cm, pose_cm, seen, numbers, names, names, names, numbers, unrealego(), "abc", "test").write(path)
    return path


def bad(path: Path, message: str) -> None:
    with pytest.raises(EgotapError, match=message) as error:
        Predictions.read(path)
    assert str(path) in str(error.value)
    assert "run or evaluate again" in str(error.value)


@pytest.mark.parametrize("name", ["pose_cm", "motion"])
def test_links_are_not_followed(path: Path, tmp_path: Path, name: str) -> None:
    other = write(tmp_path / "other.h5")
    with h5py.File(path, "a") as file:
        del file[name]
        file[name] = h5py.ExternalLink(str(other), name)
    bad(path, f"'{name}' is a link; links are not followed")


def test_values_in_another_file_are_not_read(path: Path, tmp_path: Path) -> None:
    other, layout = write(tmp_path / "other.h5"), h5py.VirtualLayout((FRAMES, 16, 3), "f4")
    layout[:] = h5py.VirtualSource(str(other), "truth_cm", (FRAMES, 16, 3))
    with h5py.File(path, "a") as file:
        del file["truth_cm"]
        file.create_virtual_dataset("truth_cm", layout)
    bad(path, "'truth_cm' is in another file")


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("pose_cm", {"data": np.ones((FRAMES, 15, 3), np.float32)}, "wrong shape or type of pose_cm"),
        ("pose_cm", {"data": np.ones((FRAMES, 16, 3))}, "wrong shape or type of pose_cm"),
        ("visibility", {"data": np.full((FRAMES, 2, 16), 255, np.uint8)}, "a visibility is not within 0 to 3"),
        ("row", {"data": np.arange(FRAMES) - 1}, "a row is negative"),
        ("row", {"data": 3}, "wrong shape or type of .*row"),
        ("motion", {"data": ["a"] * 3, "dtype": h5py.string_dtype()}, "wrong shape of motion"),
        ("motion", {"data": np.arange(FRAMES)}, "'motion' is int64 of shape .* expected a list of texts"),
        ("pose_cm", {"shape": (2**40, 16, 3), "dtype": "f4"}, "'pose_cm' of shape .* is incomplete"),
    ],
)
def test_datasets_that_cannot_be_right(path: Path, name: str, settings: dict[str, Any], message: str) -> None:
    with h5py.File(path, "a") as file:
        del file[name]
        file.create_dataset(name, **settings)
    bad(path, message)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: "[" * 100_000, "its skeleton is damaged .nested too deeply"),
        (lambda text: "[1, 2]", "its skeleton is damaged"),
        (lambda text: "7", "its skeleton is damaged"),
        (lambda text: text.replace("head", "neck_01"), "a joint name is used twice"),
        (lambda text: json.dumps(["x", list(map(str, range(300))), [0] * 300, True]), "300 joints, more than 256"),
        (lambda text: json.dumps(["x", "ab", [0, 0], True]), "'joints' is of type str, expected list"),
        (lambda text: np.ones(2), "not predictions of this program"),
    ],
)
def test_skeletons_that_cannot_be_right(path: Path, change: Callable[[str], Any], message: str) -> None:
    with h5py.File(path, "a") as file:
        file.attrs["skeleton"] = change(str(file.attrs["skeleton"]))
    bad(path, message)


def test_files_of_absurd_size(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(predictions, "PREDICTIONS_BYTES", 1000)
    bad(path, "larger than")
