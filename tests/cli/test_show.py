"""`egotap show`: a picture of prepared data, and the numbers beside it."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
from fake_source import FakeSource
from PIL import Image
from preparing import run as prepare
from smoke import Run


@pytest.fixture
def stores(tmp_path: Path) -> Path:
    prepare(FakeSource(image_px=64), tmp_path / "stores")
    return tmp_path / "stores"


def test_a_split_is_drawn_and_described(stores: Path, tmp_path: Path, run: Run) -> None:
    with h5py.File(stores / "train.h5", "a") as file:
        pose_cm = file["pose_cm"][:]
        pose_cm[:5, 4] = np.nan
        file["pose_cm"][:] = pose_cm
        file["points2d_px"][:2, 1, 6] = np.nan
        length = np.nanmedian(np.linalg.norm(pose_cm[:, 6] - pose_cm[:, 4], axis=-1))
    picture = tmp_path / "new" / "show.png"
    out = run("show", f"store={stores}", "split=train", "frames=2", f"output={picture}").out
    assert "train: 20 frames of 64 px, skeleton unrealego, rig unrealego" in out
    assert "walking 7, sitting 7, boxing 6" in out
    assert "not known in space  lowerarm_l 25%\n" in out
    assert "not known in the left view  none\n" in out
    assert "not known in the right view  hand_l 10%\n" in out
    (printed,) = [float(part.split()[-1]) for part in out.split(",") if part.startswith(" hand_l ") and "%" not in part]
    assert printed == pytest.approx(length, rel=0.1)
    with Image.open(picture) as image:
        assert image.size == (2000, 580)  # two rows


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("frames=0", "frames=0: must be a number from 1 to 40"),
        ("frames=true", "must be a number from 1 to 40"),
        ("split=dev", "split=dev: must be one of"),
        ("output=show.jpg", "output=show.jpg: must end in .png"),
        ("store=nowhere", "nowhere/train.h5: no such file"),
    ],
)
def test_mistakes(stores: Path, run: Run, override: str, message: str) -> None:
    words = {"store": f"store={stores}", "split": "split=train", override.partition("=")[0]: override}
    assert message in run("show", *words.values(), ok=False).err
