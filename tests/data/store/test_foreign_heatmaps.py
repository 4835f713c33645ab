"""Cached heatmaps from outside, written by hand according to docs/frame-store.md."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from egotap_pl.core.errors import EgotapError
from egotap_pl.data.store import heatmaps as heatmap_store
from egotap_pl.data.store.heatmaps import HeatmapStore

FRAMES = 10
SHAPES = {"joint": (FRAMES, 2, 15, 4, 4), "limb": (FRAMES, 2, 15, 2, 4, 4)}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write(tmp_path / "train.h5")


def write(path: Path) -> Path:
    with h5py.File(path, "w") as file:
        file.attrs.update({"format": "egotap-heatmaps", "version": 1})
        for name, shape in SHAPES.items():
            file.create_dataset(name, data=np.ones(shape, np.float16), chunks=(1, *shape[1:]))
    return path


def assert_refused(path: Path, message: str) -> None:
    with pytest.raises(EgotapError, match=message) as error:
        HeatmapStore(path, FRAMES)
    assert str(path) in str(error.value)


def test_a_file_as_documented_is_read(path: Path) -> None:
    assert HeatmapStore(path, FRAMES).read([3, 1]).limb.shape == (2, *SHAPES["limb"][1:])


@pytest.mark.parametrize(
    ("name", "shape", "kind"),
    [
        ("joint", SHAPES["joint"], "f8"),
        ("joint", (FRAMES, 3, 15, 4, 4), "f2"),
        ("joint", (FRAMES, 2, 4, 4), "f2"),
        ("limb", (FRAMES, 2, 15, 3, 4, 4), "f2"),
        ("limb", (), "f2"),
    ],
)
def test_datasets_that_are_not_heatmaps(path: Path, name: str, shape: tuple[int, ...], kind: str) -> None:
    with h5py.File(path, "a") as file:
        del file[name]
        file[name] = np.zeros(shape, kind)
    assert_refused(path, f"dataset '{name}' is float.* of shape .*, not heatmaps")


@pytest.mark.parametrize("kind", ["virtual", "external", "unwritten"])
def test_datasets_without_values_in_the_file(path: Path, tmp_path: Path, kind: str) -> None:
    other, shape = write(tmp_path / "other.h5"), SHAPES["limb"]
    with h5py.File(path, "a") as file:
        del file["limb"]
        if kind == "external":
            file["limb"] = h5py.ExternalLink(str(other), "limb")
        elif kind == "virtual":
            layout = h5py.VirtualLayout(shape, "f2")
            layout[:] = h5py.VirtualSource(str(other), "limb", shape)
            file.create_virtual_dataset("limb", layout)
        else:
            file.create_dataset("limb", shape, "f2", chunks=(1, *shape[1:]))
    assert_refused(path, r"'limb' (is in another file|is a link|of shape .* is incomplete)")


def test_frames_that_do_not_fit_into_memory(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heatmap_store, "HDF5_CHUNK_BYTES", 2 * 15 * 4 * 4 * 2)
    assert_refused(path, "dataset 'limb' of shape .* has frames of absurd size")
