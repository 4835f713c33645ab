"""Damage of stored files is noticed: what is read is what was written, or an error names the file."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch
from fake_source import write_fake

from egotap_pl.analysis.predictions import Predictions
from egotap_pl.core.batch import Heatmaps
from egotap_pl.core.errors import EgotapError
from egotap_pl.core.skeleton import unrealego
from egotap_pl.data.store.codec import Codec, JpegCodec, PngCodec, RawCodec
from egotap_pl.data.store.heatmaps import HeatmapStore, HeatmapWriter
from egotap_pl.data.store.reader import FrameStore

CODECS: list[Codec] = [RawCodec(), PngCodec(), JpegCodec()]
FLIPS = 100


def stored(path: Path) -> list[Any]:
    """Everything that a frame store gives. The file is closed, or HDF5 would remember it when it is damaged anew."""
    with closing(FrameStore(path)) as store:
        batch = store.read(range(len(store)))
        names = store.name_frames(range(len(store)))
        return [*batch._replace(heatmaps=None), *names, store.header, store.skipped]


def cached(path: Path) -> list[Any]:
    with closing(HeatmapStore(path, 5)) as store:
        return list(store.read(range(5)))


def estimated(path: Path) -> list[Any]:
    predictions = Predictions.read(path)
    return [predictions.pose_cm, predictions.truth_cm, predictions.visibility, predictions.row, predictions.motion]


def heatmaps_file(path: Path) -> Path:
    generator = torch.Generator().manual_seed(0)
    with HeatmapWriter(path, 5) as writer:
        joint = torch.rand(5, 2, 3, 8, 8, generator=generator)
        writer.append(Heatmaps(joint, torch.rand(5, 2, 3, 2, 8, 8, generator=generator)))
    return path


def predictions_file(path: Path) -> Path:
    skeleton, random = unrealego(), np.random.default_rng(0)
    joints, texts, rows = len(skeleton.estimated), tuple(f"text {k}" for k in range(20)), np.arange(20)
    pose_cm, truth_cm = random.normal(size=(2, 20, joints, 3)).astype(np.float32)
    seen = np.ones((20, 2, joints), np.uint8)
    Predictions(pose_cm, truth_cm, seen, rows, texts, texts, texts, rows, skeleton, "f" * 64, "test").write(path)
    return path


def same(one: list[Any], other: list[Any]) -> bool:
    pairs = zip(one, other, strict=True)
    return all(np.array_equal(a, b) if hasattr(a, "shape") else a == b for a, b in pairs)


FILES: dict[str, tuple[Callable[[Path], Any], Callable[[Path], list[Any]]]] = {
    "raw": (lambda path: write_fake(path, RawCodec()), stored),
    "png": (lambda path: write_fake(path, PngCodec()), stored),
    "jpeg": (lambda path: write_fake(path, JpegCodec()), stored),
    "heatmaps": (heatmaps_file, cached),
    "predictions": (predictions_file, estimated),
}


@pytest.mark.parametrize("kind", FILES)
def test_a_flipped_bit_is_noticed_or_changes_nothing(kind: str, tmp_path: Path) -> None:
    make, read = FILES[kind]
    path, damaged = tmp_path / "test.h5", tmp_path / "damaged.h5"
    make(path)
    content, expected = path.read_bytes(), read(path)
    random, noticed = np.random.default_rng(0), 0
    for place, bit in zip(random.integers(len(content), size=FLIPS), random.integers(8, size=FLIPS), strict=True):
        changed = bytearray(content)
        changed[place] ^= 1 << bit
        damaged.write_bytes(changed)
        try:
            result = read(damaged)
        except EgotapError:
            noticed += 1
        else:
            assert same(result, expected), f"bit {bit} of byte {place} of {len(content)}"
    assert noticed > FLIPS / 10


@pytest.mark.parametrize("kind", FILES)
def test_zeros_over_a_block_are_noticed(kind: str, tmp_path: Path) -> None:
    """Among them over a heap of texts or images, whose objects HDF5 itself would then look for without end."""
    make, read = FILES[kind]
    path = tmp_path / "test.h5"
    make(path)
    content, expected = path.read_bytes(), read(path)
    for start in range(0, len(content), 4096):
        end = min(start + 4096, len(content))
        path.write_bytes(content[:start] + bytes(end - start) + content[end:])
        try:
            result = read(path)
        except EgotapError:
            continue
        assert same(result, expected), f"bytes {start} to {end} of {len(content)}"


@pytest.mark.parametrize("codec", CODECS)
def test_a_whole_store_is_checked(codec: Codec, tmp_path: Path) -> None:
    store = write_fake(tmp_path / "train.h5", codec)
    checked = 0

    def advance(frames: int) -> None:
        nonlocal checked
        checked += frames

    store.check(advance)
    assert checked == len(store) == 20
    with h5py.File(store.path) as file:
        image = file["images"][17, 1].tobytes()
    content = bytearray(store.path.read_bytes())
    content[content.index(image) + len(image) // 2] ^= 4
    store.path.write_bytes(content)
    with pytest.raises(EgotapError, match=r"train\.h5: the image of frame 17 is damaged"):
        FrameStore(store.path).check()


@pytest.mark.parametrize("codec", CODECS)
def test_stores_without_checksums_are_read(codec: Codec, tmp_path: Path) -> None:
    """As earlier versions wrote them."""
    path = write_fake(tmp_path / "train.h5", codec).path
    expected = stored(path)
    with h5py.File(path, "a") as file:
        for name in ("metadata", "names/subject", "names/motion"):
            del file[name].attrs["crc32"]
        for name in [*file, "names/subject"]:
            if isinstance(file[name], h5py.Dataset) and file[name].fletcher32:
                values = file[name][...]
                del file[name]
                if name != "images_crc32":
                    file[name] = values
    assert same(stored(path), expected)
    FrameStore(path).check()
