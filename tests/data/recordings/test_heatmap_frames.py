"""Heatmaps of another estimator are read as they are, or refused with what is wrong with them."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from egotap_pl.core.errors import EgotapError
from egotap_pl.core.skeleton import egocap, unrealego
from egotap_pl.data.recordings.heatmaps import HeatmapFrames
from egotap_pl.data.recordings.inputs import open_input

PX, N = 8, 5


def arrays() -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    return {
        "joint_heatmaps": random.uniform(0, 1, (N, 2, 15, PX, PX)).astype(np.float32),
        "limb_heatmaps": random.uniform(-1, 1, (N, 2, 15, 2, PX, PX)).astype(np.float16),
    }


def write_hdf5(path: Path, **columns: np.ndarray) -> None:
    with h5py.File(path, "w") as file:
        for name, values in columns.items():
            file[name] = values


SAVEZ: Callable[..., None] = np.savez
WRITERS: dict[str, tuple[str, Callable[..., None]]] = {
    "savez": ("a.npz", np.savez),
    "savez_compressed": ("a.npz", np.savez_compressed),
    "HDF5": ("a.h5", write_hdf5),
}


def read(path: Path, limit: int | None = None):
    frames = open_input([path], "test", unrealego(), 32, limit=limit, heatmap_px=PX)
    assert isinstance(frames, HeatmapFrames)
    batches = list(frames.batches(2))
    assert sum(len(batch.name) for batch in batches) == frames.frames
    return batches


@pytest.mark.parametrize("how", WRITERS)
def test_all_frames_are_read_in_order(how, tmp_path):
    name, write = WRITERS[how]
    write(tmp_path / name, **arrays())
    batches = read(tmp_path / name)
    assert [batch.batch.frame.tolist() for batch in batches] == [[0, 1], [2, 3], [4]]
    for number, column in enumerate(arrays().values()):
        maps = torch.cat([batch.batch.heatmaps[number] for batch in batches])
        assert maps.dtype == torch.float32
        np.testing.assert_array_equal(maps, column.astype(np.float32))
    assert len(read(tmp_path / name, limit=3)) == 2


WRONG = {
    "joints": (
        lambda a: a | {"joint_heatmaps": a["joint_heatmaps"][:, :, 1:]},
        r"joint_heatmaps are of shape .*must be",
    ),
    "size": (lambda a: a | {"joint_heatmaps": a["joint_heatmaps"][..., 1:]}, r"\(frames, 2, 15, 8, 8\), .* neck_01, "),
    "views": (lambda a: {name: values[:, :1] for name, values in a.items()}, "joint_heatmaps are of shape"),
    "no channels": (lambda a: a | {"limb_heatmaps": a["limb_heatmaps"][:, :, :, 0]}, r"\(frames, 2, 15, 2, 8, 8\)"),
    "frames": (lambda a: a | {"limb_heatmaps": a["limb_heatmaps"][1:]}, "5 frames of joint_heatmaps, but 4 of limb"),
    "none": (lambda a: {name: values[:0] for name, values in a.items()}, "are of shape"),
    "missing": (lambda a: {"joint_heatmaps": a["joint_heatmaps"]}, "no (array|dataset) '?limb_heatmaps"),
    "bytes": (lambda a: a | {"joint_heatmaps": a["joint_heatmaps"].astype(np.uint8)}, "type uint8: must be floating"),
    "0 to 255": (
        lambda a: a | {"joint_heatmaps": 255 * a["joint_heatmaps"]},
        r"of frame 0 have the value .*at most 10",
    ),
    "NaN": (
        lambda a: (
            a
            | {
                "limb_heatmaps": np.where(np.arange(N) == 3, np.nan, 0)[:, None, None, None, None, None]
                + a["limb_heatmaps"]
            }
        ),
        "limb_heatmaps of frame 3 have the value nan",
    ),
}


@pytest.mark.parametrize("how", WRITERS)
@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_is_named(what, how, tmp_path):
    (name, write), (change, message) = WRITERS[how], WRONG[what]
    write(tmp_path / name, **change(arrays()))
    with pytest.raises(EgotapError, match=message) as error:
        read(tmp_path / name)
    assert str(tmp_path / name) in str(error.value)


def test_faint_heatmaps_are_remarked_upon(tmp_path, capsys):
    columns = arrays()
    SAVEZ(tmp_path / "a.npz", **columns)
    read(tmp_path / "a.npz")
    assert "peak" not in capsys.readouterr().err
    SAVEZ(tmp_path / "a.npz", **columns | {"joint_heatmaps": columns["joint_heatmaps"] / 64})
    read(tmp_path / "a.npz")
    assert "lifters expect peaks of 1" in capsys.readouterr().err


def test_damaged_files_are_named(tmp_path):
    path = tmp_path / "a.npz"
    path.write_bytes(b"no zip")
    with pytest.raises(EgotapError, match=r"a.npz cannot be read as an .npz file"):
        read(path)
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("joint_heatmaps.npy", b"no array")
    with pytest.raises(EgotapError, match="joint_heatmaps is damaged"):
        read(path)
    SAVEZ(tmp_path / "whole.npz", **arrays())
    with zipfile.ZipFile(tmp_path / "whole.npz") as whole, zipfile.ZipFile(path, "w") as file:
        for member in whole.namelist():
            file.writestr(member, whole.read(member)[:-100])
    with pytest.raises(EgotapError, match="joint_heatmaps ends before its last frame"):
        read(path)
    SAVEZ(path, **{name: np.asfortranarray(values) for name, values in arrays().items()})
    with pytest.raises(EgotapError, match="must be stored row by row"):
        read(path)
    np.savez(path, joint_heatmaps=np.array([{}], object), limb_heatmaps=np.zeros(1))
    with pytest.raises(EgotapError, match="of shape"):
        read(path)


def test_only_a_batch_is_in_memory(tmp_path):
    """A file of zeros takes a thousandth of its content."""
    many = 400
    shape = (many, 2, 15, PX, PX)
    np.savez_compressed(
        tmp_path / "a.npz",
        joint_heatmaps=np.zeros(shape, np.float32),
        limb_heatmaps=np.zeros((*shape[:3], 2, PX, PX), np.float32),
    )
    frames = HeatmapFrames(tmp_path / "a.npz", unrealego(), PX)
    assert frames.frames == many
    batches = frames.batches(3)
    assert next(batches).batch.heatmaps.joint.shape == (3, 2, 15, PX, PX)
    with pytest.raises(EgotapError, match="17 heatmaps of 8 x 8 for egocap"):
        HeatmapFrames(tmp_path / "a.npz", egocap(), PX)
