"""The page on a headset of one's own is followed from the calibration to the overlay, at smoke size.

Frames that EgoSynth rendered stand in for the recording, pasted into frames of the camera's size.
"""

from __future__ import annotations

import re
import runpy
import shlex
from pathlib import Path

import cv2
import h5py
import numpy as np
import pytest
from documented import write_named_files
from PIL import Image
from smoke import SMOKE, Run

from egotap_pl.core.camera import circle_square
from egotap_pl.data.calibration import load_rig
from egotap_pl.data.store.reader import FrameStore

TEXT = (Path(__file__).parents[1] / "docs" / "own-headset.md").read_text(encoding="utf-8")
COMMANDS = [
    command for block in re.findall(r"^```bash\n(.*?)^```", TEXT, re.M | re.S) for command in block.splitlines()
]


def write_calibration(path: Path) -> None:
    """What the script of docs/cameras.md writes, with squares in mm."""
    file = cv2.FileStorage(str(path), cv2.FILE_STORAGE_WRITE)
    for k, centre in (("1", (322.5, 238.0)), ("2", (316.0, 243.5))):
        file.write(f"K{k}", np.array(((152.0, 0, centre[0]), (0, 152.6, centre[1]), (0, 0, 1))))
        file.write(f"D{k}", np.array((0.01, -0.002, 0.0, 0.00001)).reshape(4, 1))
    file.write("R", cv2.Rodrigues(np.array((0.02, -0.1, 0.03)))[0])
    file.write("T", np.array((-98.0, 3.0, -4.0)).reshape(3, 1))
    file.write("image_width", 640)
    file.write("image_height", 480)
    file.release()


def record(store: FrameStore, folder: Path) -> None:
    """A recording of 640 x 480 px of what is in a store."""
    rig = load_rig("my_rig/rig.yaml")
    both = store.read(range(len(store))).images.transpose(0, 1)
    for side, camera, images in zip(("left", "right"), rig.cameras, both, strict=True):
        left, top, width = circle_square(camera)
        (folder / side).mkdir(parents=True)
        for number, image in enumerate(images.numpy()):
            frame = Image.new("RGB", camera.size_px, (9, 9, 9))  # not as black as the rim: sensors are not
            frame.paste(
                Image.fromarray(image.transpose(1, 2, 0)).resize((width, width), Image.Resampling.NEAREST), (left, top)
            )
            frame.save(folder / side / f"{number:04d}.png")


def poses(path: Path) -> np.ndarray:
    with h5py.File(path) as file:
        return file["pose_cm"][...]


def test_the_page_has_the_whole_way() -> None:
    assert [shlex.split(command)[1] for command in COMMANDS] == ["prepare", "train", "predict"]


@pytest.mark.slow
def test_the_page_leads_from_a_calibration_to_an_overlay(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    av = pytest.importorskip("av")
    monkeypatch.chdir(tmp_path)
    write_named_files("own-headset", tmp_path)
    write_calibration(tmp_path / "my_rig" / "stereo.yml")
    runpy.run_path("my_rig/look.py")
    prepare, train, predict = ([*shlex.split(command)[1:]] for command in COMMANDS)
    small = (*SMOKE, "data.workers=0")
    outcome = run(*prepare, *small)
    assert "warning" not in outcome.out + outcome.err
    runpy.run_path("my_rig/frames.py")
    run(*train, *small)
    assert "visor_data" in Path("runs/quickstart/egosynth/visor/config.yaml").read_text(encoding="utf-8")
    store = FrameStore(tmp_path / "visor_data" / "test.h5")
    assert (store.rig.name, store.rig.cameras[0].size_px) == ("visor", (1024, 1024))
    record(store, tmp_path / "recording")
    outcome = run(*predict)
    assert "does not estimate where its origin is" in " ".join((outcome.out + outcome.err).split())
    runpy.run_path("my_rig/overlay.py")
    assert all(Path("my_rig", name).stat().st_size > 1000 for name in ("rig.png", "frames.png", "overlay.png"))
    with av.open("seen.mp4") as video:
        assert sum(1 for _ in video.decode(video=0)) == len(store)
    # The recording is cut as the data were, so that the network sees the same images but for rounding.
    recorded = poses(tmp_path / "poses.h5")
    run("predict", *predict[1:2], "input=visor_data", "output=data.h5")
    prepared = poses(tmp_path / "data.h5")
    spread_cm = np.abs(prepared - prepared.mean(0)).mean()
    assert np.abs(recorded - prepared).mean() < 0.03 * spread_cm
    run(*[word for word in predict if not word.startswith("rig=")], "crop=centre")
    assert np.abs(poses(tmp_path / "poses.h5") - prepared).mean() > 0.06 * spread_cm
