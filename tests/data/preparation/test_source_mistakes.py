"""Mistakes in a user's source: one message names the class and the field. What `read` raises keeps its traceback."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fake_source import FakePiece, FakeSource
from preparing import run
from rich.console import Console

from egotap_pl.core.errors import EgotapError
from egotap_pl.data.preparation.check import check
from egotap_pl.data.source import Frame, Frames, stack
from egotap_pl.data.source_checks import identity_of


@dataclass(frozen=True)
class Mistaken(FakeSource):
    change: Callable[[Frames], Any] = lambda frames: frames

    def read(self, piece: FakePiece) -> Any:
        return self.change(super().read(piece))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda frames: None, "a value of type NoneType"),
        (lambda frames: frames._asdict(), "a value of type dict"),
        (lambda frames: frames._replace(images=frames.images / np.float32(255)), "wrong frames; images has .* float32"),
        (lambda frames: frames._replace(pose_cm=frames.pose_cm[:, :3]), "wrong frames; pose_cm has shape"),
        (lambda frames: frames._replace(category=["flying"] * 5), "wrong frames; category: .*flying"),
    ],
)
def test_wrong_frames_are_refused(tmp_path: Path, change: Callable[[Frames], Any], message: str) -> None:
    message = rf"^train, motion 0: Mistaken.read\(\) returned {message}"
    with pytest.raises(EgotapError, match=message):
        run(Mistaken(change=change), tmp_path)
    with pytest.raises(EgotapError, match=message):
        check(Mistaken(change=change), workers=0, console=Console(file=io.StringIO()))


@pytest.mark.parametrize("images", [np.linspace(0, 1, 27648), np.arange(27648) % 300, np.full(27648, np.nan)])
def test_images_that_bytes_cannot_hold_are_not_made_bytes(tmp_path: Path, images: np.ndarray) -> None:
    def stacked(frames: Frames, images: np.ndarray) -> Frames:
        n = len(frames.images)
        columns = {**frames._asdict(), "images": images}
        single = [Frame(**{name: columns[name][k] for name in Frame._fields}) for k in range(n)]
        return stack(FakeSource(), single)

    px, n = FakeSource().image_px, FakeSource().frames_per_piece
    images = images[: n * 2 * 3 * px**2].reshape(n, 2, 3, px, px)
    with pytest.raises(EgotapError, match=r"wrong frames; images has .* with values from 0 to 255"):
        run(Mistaken(change=lambda frames: stacked(frames, images)), tmp_path)
    frames = FakeSource().read(FakePiece("train", 0, n))
    same = stacked(frames, frames.images.astype(np.float64))  # whole numbers of a byte
    assert same.images.dtype == np.uint8
    np.testing.assert_array_equal(same.images, frames.images)


def test_what_read_raises_is_a_defect(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="train, motion 0: ZeroDivisionError"):
        run(Mistaken(change=lambda frames: 1 / 0), tmp_path)


def test_frame_numbers_are_unique_over_the_pieces_of_a_motion(tmp_path: Path) -> None:
    with pytest.raises(EgotapError, match=r"train: motion 'a' has frame_number 10 in two pieces.*version"):
        run(Mistaken(change=lambda frames: frames._replace(motion=["a"] * 5)), tmp_path)
    assert not (tmp_path / "train.h5").exists()


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (None, "returned a value of type NoneType"),
        ({"root": Path("here")}, "key 'root': Object of type PosixPath is not JSON"),
        ({"images": {"px": np.int64(3)}}, "key 'images': Object of type int64 is not JSON"),
        ({1: "one"}, "key 1: keys must be texts"),
    ],
)
def test_an_identity_is_plain(tmp_path: Path, value: Any, message: str) -> None:
    class Odd(FakeSource):
        def identity(self) -> Any:
            return value

    with pytest.raises(EgotapError, match=rf"Odd.identity\(\),? {message}.*identity\(\) must return plain containers"):
        run(Odd(), tmp_path)


@pytest.mark.parametrize("value", [None, "train", [], 3])
def test_splits_are_a_list(tmp_path: Path, value: Any) -> None:
    class Odd(FakeSource):
        def splits(self) -> Any:
            return value

    with pytest.raises(
        EgotapError, match=r"^Odd.splits\(\) returned .*must return a list of some of train, validation"
    ):
        run(Odd(), tmp_path)


@pytest.mark.parametrize("value", [{"train": 1}.keys(), iter(["train"])])
def test_splits_may_be_any_names_in_a_row(value: Any) -> None:
    class Even(FakeSource):
        def splits(self) -> Any:
            return value

    assert identity_of(Even())


def test_a_source_that_lacks_something_is_refused() -> None:
    class Bare:
        image_px = 24

    with pytest.raises(EgotapError, match="Bare lacks skeleton, rig, categories, identity, splits, plan, read"):
        identity_of(Bare())

    class Rigless(FakeSource):
        rig = None

    with pytest.raises(EgotapError, match=r"Rigless\.rig is of type NoneType: it must be a StereoRig"):
        identity_of(Rigless())
    with pytest.raises(EgotapError, match=r"FakeSource.splits\(\) names \['val'\]: must be among train, validation"):
        identity_of(FakeSource(pieces=(("train", 1), ("val", 1))))
    assert identity_of(replace(FakeSource(), seed=3))["seed"] == 3
