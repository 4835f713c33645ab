"""Cached heatmaps: whole hundredths, compressed, give exactly what a lifter reads in the test."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from egotap_pl.core.batch import Heatmaps
from egotap_pl.core.errors import EgotapError
from egotap_pl.data.store.heatmaps import HeatmapStore, HeatmapWriter

FRAMES, SIDE = 6, 16


@pytest.fixture
def maps() -> Heatmaps:
    """Blurred points with noise around them, as estimators give them, and some values out of range."""
    random = np.random.default_rng(0)

    def of(shape: tuple[int, ...]) -> torch.Tensor:
        points = np.zeros(shape)
        points.reshape(-1, SIDE * SIDE)[:, SIDE * 7 + 5] = 6.0
        blurred = gaussian_filter(points, (*[0] * (len(shape) - 2), 1, 1)) + random.normal(0, 0.002, shape)
        return torch.from_numpy(blurred).float()

    joint, limb = of((FRAMES, 2, 15, SIDE, SIDE)), -of((FRAMES, 2, 15, 2, SIDE, SIDE))
    joint[0, 0, 0, 0, :3] = torch.tensor([1.9, -2.0, 0.1249])
    return Heatmaps(joint, limb)


@pytest.fixture
def path(maps: Heatmaps, tmp_path: Path) -> Path:
    return write(tmp_path / "train.h5", maps, rounded=True)


def write(path: Path, maps: Heatmaps, rounded: bool) -> Path:
    with HeatmapWriter(path, FRAMES, rounded) as writer:
        for rows in torch.arange(FRAMES).split(4):
            writer.append(Heatmaps(*(part[rows] for part in maps)))
    return path


def test_hundredths_are_the_nearest(maps: Heatmaps) -> None:
    for given, rounded in zip(maps, maps.rounded(), strict=True):
        np.testing.assert_allclose(rounded, np.clip(given.double().numpy().round(2), -1.27, 1.27), atol=1e-6)
    assert maps.rounded().joint[0, 0, 0, 0, :3].tolist() == pytest.approx([1.27, -1.27, 0.12])


@pytest.mark.parametrize("rounded", [True, False])
@pytest.mark.parametrize(("name", "value"), [("joint", torch.nan), ("limb", -torch.inf)])
def test_what_is_not_finite_is_refused(maps: Heatmaps, tmp_path: Path, name: str, value: float, rounded: bool) -> None:
    getattr(maps, name)[5, 1, 3, ..., 2, 2] = value
    with pytest.raises(EgotapError, match=f"validation: the {name} heatmaps of frame 5 are not finite numbers"):
        write(tmp_path / "validation.h5", maps, rounded)
    assert not list(tmp_path.iterdir())


def test_what_is_read_is_what_was_rounded(path: Path, maps: Heatmaps) -> None:
    rows = [4, 0, 5, 1]
    read = HeatmapStore(path, FRAMES).read(rows)
    assert {part.dtype for part in read} == {torch.int8}
    for found, expected in zip(read.floats(), maps.rounded(), strict=True):
        assert torch.equal(found, expected[rows])


def test_empty_maps_take_little_space(path: Path, maps: Heatmaps, tmp_path: Path) -> None:
    halves = write(tmp_path / "halves.h5", maps, rounded=False)
    assert path.stat().st_size < halves.stat().st_size / 8
    for found, expected in zip(HeatmapStore(halves, FRAMES).read(range(FRAMES)), maps, strict=True):
        torch.testing.assert_close(found, expected.half().float())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (zlib.compress(bytes(10)), "row 2 has 10 bytes, not 7680"),
        (zlib.compress(bytes(10**6)), "row 2 has 7681 bytes, not 7680"),
        (zlib.compress(bytes(7680))[:-6], "row 2"),
        (b"nothing that zlib knows", "row 2"),
        (bytes(10**5), "row 2 takes 100000 bytes, more than 7680"),
    ],
)
def test_what_is_damaged_or_too_large_is_refused(path: Path, content: bytes, message: str) -> None:
    with h5py.File(path, "r+") as file:
        file["joint"].id.write_direct_chunk((2, 0, 0, 0, 0), content)
    store = HeatmapStore(path, FRAMES)
    assert len(store.read([1, 3]).joint) == 2
    with pytest.raises(EgotapError, match=f"{path}.*'joint' is damaged.*{message}.*made again"):
        store.read([2])


def test_any_program_reads_them(path: Path, maps: Heatmaps) -> None:
    with h5py.File(path) as file:
        np.testing.assert_allclose(file["limb"][...] / 100, maps.rounded().limb, atol=1e-6)


@pytest.mark.parametrize(
    ("shape", "kind", "options"),
    [
        ((FRAMES, 2, 15, SIDE), "i1", {"chunks": (1, 2, 15, SIDE)}),
        ((FRAMES, 3, 15, SIDE, SIDE), "i1", {"chunks": (1, 3, 15, SIDE, SIDE)}),
        ((FRAMES, 2, 15, SIDE, SIDE), "u1", {"chunks": (1, 2, 15, SIDE, SIDE)}),
        ((FRAMES, 2, 15, SIDE, SIDE), "i1", {"chunks": (2, 2, 15, SIDE, SIDE)}),
        ((FRAMES, 2, 15, SIDE, SIDE), "i1", {"chunks": (1, 2, 15, SIDE, SIDE), "compression": "lzf"}),
        ((FRAMES, 2, 15, SIDE, SIDE), "i1", {"chunks": (1, 2, 15, SIDE, SIDE), "fletcher32": True}),
        ((FRAMES, 2, 15, SIDE, SIDE), "i1", {}),
        ((FRAMES, 2, 15, 10000, 10000), "i1", {"chunks": (1, 2, 15, 10000, 10000)}),
    ],
)
def test_datasets_that_are_not_heatmaps(path: Path, shape: tuple[int, ...], kind: str, options: dict[str, Any]) -> None:
    with h5py.File(path, "r+") as file:
        del file["joint"]
        file.create_dataset("joint", shape, kind, **{"compression": "gzip", **options} if options else {})
    with pytest.raises(EgotapError, match=r"'joint' .*(not heatmaps|fair size|not allowed)"):
        HeatmapStore(path, FRAMES)


def test_a_row_that_was_not_written_is_noticed(path: Path, maps: Heatmaps) -> None:
    with h5py.File(path, "r+") as file:
        del file["joint"]
        options = {"chunks": (1, *maps.joint.shape[1:]), "compression": "gzip"}
        file.create_dataset("joint", maps.joint.shape, "i1", **options)[:3] = 1
    with pytest.raises(EgotapError, match="row 4 is not in the file"):
        HeatmapStore(path, FRAMES).read([4])


@pytest.mark.parametrize("rounded", [False, True])
def test_limb_heatmaps_with_another_channel_are_not_cached(tmp_path: Path, rounded: bool) -> None:
    maps = Heatmaps(torch.zeros(2, 2, 15, 4, 4), torch.zeros(2, 2, 15, 3, 4, 4))
    with (
        pytest.raises(EgotapError, match=r"limb heatmaps of shape .* cannot be cached: give heatmaps.cache=false"),
        HeatmapWriter(tmp_path / "train.h5", 2, rounded) as writer,
    ):
        writer.append(maps)
    assert not list(tmp_path.iterdir())
