"""Warnings of sources that give poses without joints, another unit or swapped views."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fake_source import FakePiece, FakeSource
from preparing import run

from egotap_pl.core.errors import EgotapError
from egotap_pl.data.preparation.check import check
from egotap_pl.data.source import Frames
from egotap_pl.data.store.paths import store_path
from egotap_pl.data.store.reader import FrameStore
from egotap_pl.engine.datasets import ensure_data
from egotap_pl.engine.settings import DataSpec


@dataclass(frozen=True)
class Doubtful(FakeSource):
    """A body of limbs of about 25 cm, with something done to its frames."""

    change: Callable[[Frames], Frames] = lambda frames: frames

    def read(self, piece: FakePiece) -> Frames:
        return self.change(super().read(piece))


def scaled(factor: float) -> Callable[[Frames], Frames]:
    return lambda f: f._replace(pose_cm=f.pose_cm * np.float32(factor), origin_cm=f.origin_cm * np.float32(factor))


def swapped(f: Frames) -> Frames:
    return f._replace(images=f.images[:, ::-1], points2d_px=f.points2d_px[:, ::-1])


def unknown(*rows: int) -> Callable[[Frames], Frames]:
    def change(frames: Frames) -> Frames:
        pose_cm = frames.pose_cm.copy()
        pose_cm[list(rows)] = np.nan
        pose_cm[:, 3] = np.nan
        return frames._replace(pose_cm=pose_cm)

    return change


def doubts(source: FakeSource, folder: Path) -> dict[str, tuple[str, ...]]:
    return {split.split: split.doubts for split in run(source, folder).splits}


def test_nothing_is_doubtful_about_a_sound_source(tmp_path: Path) -> None:
    assert doubts(FakeSource(), tmp_path / "sound") == {"train": (), "validation": (), "test": ()}
    hidden = unknown()  # a joint of every frame is unknown, no frame is
    assert not any(doubts(Doubtful(change=hidden), tmp_path / "partly").values())


@pytest.mark.parametrize(
    ("factor", "words"), [(0.01, ("metres", "times 100")), (10.0, ("millimetres", "divided by 10"))]
)
def test_another_unit(tmp_path: Path, factor: float, words: tuple[str, str]) -> None:
    source = Doubtful(change=scaled(factor))
    for split, (line,) in doubts(source, tmp_path).items():
        pose_cm = FrameStore(store_path(tmp_path, split)).labels["pose_cm"].numpy()
        parents = list(source.skeleton.parents[1:])
        median = np.median(np.linalg.norm(pose_cm[:, 1:] - pose_cm[:, parents], axis=-1))
        assert line.startswith(f"{split}: half of the limbs of Doubtful are shorter than {median:.3g} cm")
        assert all(word in line for word in words)


def test_swapped_views(tmp_path: Path) -> None:
    for split, (line,) in doubts(Doubtful(change=swapped), tmp_path).items():
        assert line.startswith(f"{split}: the points of Doubtful lie ")
        assert "and 0 px if the views are swapped" in line


def test_frames_without_a_known_joint_are_skipped_and_counted(tmp_path: Path) -> None:
    source = Doubtful(change=unknown(1, 3))
    assert doubts(source, tmp_path)["train"] == (
        "train: in 8 of 20 frames of Doubtful no joint is known (pose_cm is NaN throughout); they are skipped. If "
        "their joints are known, correct read() of the source",
    )
    store = FrameStore(store_path(tmp_path, "train"))
    assert len(store) == 12
    assert store.header.skipped == 8
    assert {frame.frame_number for frame in store.skipped} == {11, 13}
    assert not any(frame.damaged for frame in store.skipped)
    sound = FakeSource().read(FakePiece("train", 0, 5))
    kept = [0, 2, 4]
    batch = store.read([0, 1, 2])
    np.testing.assert_array_equal(batch.images, sound.images[kept])
    np.testing.assert_array_equal(batch.pose_cm[:, 4:], sound.pose_cm[kept, 4:])
    assert batch.pose_cm[:, 3].isnan().all()
    assert store.name_frames([0, 1, 2]).frame_number.tolist() == [10, 12, 14]
    assert doubts(source, tmp_path)["train"] == ()  # said once, when the store is made
    report = check(source, workers=0)
    assert [split.excluded for split in report.splits] == [8, 4, 2]
    assert report.is_clean


def test_a_split_without_any_known_joint_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(EgotapError, match=r"no frames.*no joint of its pose is known"):
        run(Doubtful(change=unknown(0, 1, 2, 3, 4)), tmp_path)


def test_the_command_prints_the_warnings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import egotap_pl.engine.datasets as datasets

    source: Any = Doubtful(change=scaled(0.01))
    monkeypatch.setattr(datasets, "_locate", lambda data, root: (source, None, tmp_path / "stores"))
    data = DataSpec("own", {}, {}, workers=0, folder=None, has_source=True, node={})
    ensure_data(data, tmp_path)
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("warning: ")]
    assert [line.split(":")[1].strip() for line in lines] == ["train", "validation", "test"]
