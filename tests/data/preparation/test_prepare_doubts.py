"""Warnings of sources whose frames are odd, or are not those that were prepared earlier."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fake_source import FakePiece, FakeSource
from preparing import run

from egotap_pl.core.batch import Visibility
from egotap_pl.core.camera import PolynomialCamera, StereoRig
from egotap_pl.core.errors import EgotapError
from egotap_pl.core.skeleton import Skeleton, unrealego
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


def test_points_in_px_of_the_images(tmp_path: Path) -> None:
    for split, (line,) in doubts(
        Doubtful(change=lambda f: f._replace(points2d_px=f.points2d_px / 16)), tmp_path
    ).items():
        distance_px = int(re.search(r"^(\w+): the points of Doubtful lie (\d+) px", line)[2])
        sound_px = FakeSource()._frames(FakePiece(split, 0, 5)).points2d_px
        assert distance_px == pytest.approx(np.median(np.linalg.norm(sound_px * 15 / 16, axis=-1)), rel=0.2)
        assert "px of the 1024 x 1024 frame" in line


def test_a_view_without_any_known_point(tmp_path: Path) -> None:
    def change(f: Frames) -> Frames:
        points2d_px, visibility = f.points2d_px.copy(), f.visibility.copy()
        points2d_px[:, 1], visibility[:, 1] = np.nan, Visibility.UNKNOWN
        return f._replace(points2d_px=points2d_px, visibility=visibility)

    for split, (line,) in doubts(Doubtful(change=change), tmp_path).items():
        assert line.startswith(f"{split}: points2d_px of Doubtful are NaN throughout in the right view")


def test_motions_of_another_split(tmp_path: Path) -> None:
    def change(f: Frames) -> Frames:
        return f._replace(motion=[name.replace("test/0", "train/2") for name in f.motion])

    found = doubts(Doubtful(change=change), tmp_path)
    assert found["train"] == found["validation"] == ()
    (line,) = found["test"]
    assert line.startswith("test: 1 of 1 motions of Doubtful are also in train, the first is train/2.")


def test_validation_frames_may_be_test_frames(tmp_path: Path) -> None:
    """As EgoCap's are."""

    def change(f: Frames) -> Frames:
        return f._replace(motion=[re.sub("^(test|validation)/", "both/", name) for name in f.motion])

    assert not any(doubts(Doubtful(change=change), tmp_path).values())


@dataclass(frozen=True)
class OtherCameras(FakeSource):
    cameras: StereoRig = field(default_factory=StereoRig.unrealego)
    body: Skeleton = field(default_factory=unrealego)

    @property
    def rig(self) -> StereoRig:
        return self.cameras

    @property
    def skeleton(self) -> Skeleton:
        return self.body


def test_a_rig_that_is_not_of_the_square(tmp_path: Path) -> None:
    wide = StereoRig.unrealego()
    left = replace(PolynomialCamera.unrealego(), size_px=(1280, 1024))
    for split, (line,) in doubts(OtherCameras(cameras=replace(wide, cameras=(left, left))), tmp_path).items():
        assert line.startswith(f"{split}: the rig of OtherCameras has frames of 1280 x 1024 px")
        assert "square_rig(rig, 1024)" in line


def test_a_store_of_another_rig_or_skeleton_with_the_same_identity(tmp_path: Path) -> None:
    source = OtherCameras()
    assert not any(doubts(source, tmp_path).values())
    renamed = replace(StereoRig.unrealego(), name="copy")
    assert not any(doubts(replace(source, cameras=renamed), tmp_path).values())  # the same cameras
    joints = ("top", *unrealego().joints[1:])
    others = {
        "rig": replace(source, cameras=StereoRig.unrealego(baseline_cm=9)),
        "skeleton": replace(source, body=replace(unrealego(), joints=joints)),
    }
    for name, other in others.items():
        for split, (line,) in doubts(other, tmp_path).items():
            path = store_path(tmp_path, split)
            assert line.startswith(f"{split}: {path} was prepared with another {name} than OtherCameras has now")
            assert "identity()" in line


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
