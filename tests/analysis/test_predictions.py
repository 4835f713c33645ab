from __future__ import annotations

import gc
import os
import weakref
from pathlib import Path

import numpy as np
import pytest

from egotap_pl.analysis import runs as runs_module
from egotap_pl.analysis.predictions import Predictions
from egotap_pl.core.errors import EgotapError
from egotap_pl.core.skeleton import egocap, unrealego


@pytest.mark.parametrize("skeleton", [unrealego(), egocap()], ids=lambda s: s.name)
def test_what_is_written_is_read(skeleton, tmp_path: Path) -> None:
    joints = len(skeleton.estimated)
    random = np.random.default_rng(0)
    truth_cm = random.normal(size=(3, joints, 3)).astype(np.float32)
    written = Predictions(
        truth_cm + np.array([0.3, 0, 0.4], np.float32),
        truth_cm,
        random.integers(0, 4, (3, 2, joints)).astype(np.uint8),
        np.arange(3),
        ("walking", "sitting", "walking"),
        ("s1", "s1", "s2"),
        ("m1", "m2", "m3"),
        np.array([5, 6, 7]),
        skeleton,
        "abc",
        "test",
    )
    written.write(tmp_path / "predictions.h5")
    read = Predictions.read(tmp_path / "predictions.h5")
    for name, value in vars(written).items():
        assert np.array_equal(getattr(read, name), value), name
    np.testing.assert_allclose(read.error_mm, 5.0, rtol=1e-5)  # 3-4-5, and cm to mm


def test_a_file_that_is_not_predictions_is_named(tmp_path: Path) -> None:
    (tmp_path / "predictions.h5").write_text("no")
    with pytest.raises(EgotapError, match=r"predictions\.h5"):
        Predictions.read(tmp_path / "predictions.h5")


def test_many_frames_take_few_reads_of_names_and_each_name_is_in_memory_once(make_run, monkeypatch) -> None:
    folder = make_run("cnn", 1, [50.0] * 1000, [f"motion {k % 5}" for k in range(1000)]).folder
    reads, pread = [], os.pread

    def counted(*arguments: int) -> bytes:
        reads.append(arguments)
        return pread(*arguments)

    monkeypatch.setattr(os, "pread", counted)
    read = Predictions.read(folder / "predictions.h5")
    assert 0 < len(reads) < 100
    assert len({id(name) for name in read.motion}) == 5


def test_poses_of_many_runs_make_room_for_each_other(make_run, monkeypatch) -> None:
    monkeypatch.setattr(runs_module, "HELD_FRAMES", 20)
    runs = [make_run("cnn", seed, [50.0] * 8, ["a"] * 8) for seed in range(3)]
    first, second = (weakref.ref(run.predictions) for run in runs[:2])
    assert runs[0].predictions is first()  # used again: the second is now unused for longest
    runs[2].predictions  # noqa: B018
    gc.collect()
    assert first() is not None
    assert second() is None
    np.testing.assert_allclose(runs[1].predictions.error_mm, 50.0, rtol=1e-4)  # read again
    large = make_run("vit", 1, [50.0] * 30, ["a"] * 30)
    assert large.predictions is large.predictions
    gc.collect()
    assert first() is None
