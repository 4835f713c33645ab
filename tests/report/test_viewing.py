"""One page shows a run, predictions, poses or a frame store."""

from __future__ import annotations

import base64
import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from PIL import Image
from random_checkpoints import checkpoint
from smoke import Run as Egotap
from smoke import store_of

from egotap_pl.analysis.poses import Poses
from egotap_pl.analysis.predictions import Predictions
from egotap_pl.core.errors import EgotapError
from egotap_pl.core.skeleton import unrealego
from egotap_pl.data.store.reader import FrameStore
from egotap_pl.engine.prediction.pose_files import PoseOrigin, pose_writer
from egotap_pl.report.gather import read_run
from egotap_pl.report.material import Material
from egotap_pl.report.viewing import ViewOptions, write_view

ORIGIN = PoseOrigin(unrealego(), "best.ckpt", "ab" * 32, "table1/egotap", "egosynth", "1.2")


def blocks(path: Path) -> dict[str, str]:
    return dict(re.findall(r'<script type="[^"]+" id="([^"]+)">(.*?)</script>', path.read_text("utf-8"), re.DOTALL))


def shown(path: Path, number: int = 0) -> np.ndarray:
    """Poses of a page: those that are called true, or those of a method."""
    about, content = json.loads(blocks(path)["scene"]), blocks(path)[f"scene-pose-{number}"]
    steps = np.frombuffer(base64.b64decode(content), "<i2").reshape(about["frames"], -1, 3)
    return steps * about["stepCm"]


def write_poses(path: Path, frames: int = 7) -> np.ndarray:
    pose_cm = np.random.default_rng(0).normal(0, 50, (frames, 16, 3)).astype(np.float32)
    numbers = [number + (number > 2) for number in range(frames)]  # frame 3 was skipped
    with pose_writer(path, ORIGIN, "recordings/walk") as writer:
        writer.append(pose_cm, numbers, [""] * frames, [np.nan] * frames, np.full((frames, 16), 0.5, np.float32))
    return pose_cm


@pytest.mark.parametrize("ending", ["h5", "npz"])
def test_poses_come_back(ending, tmp_path):
    pose_cm = write_poses(tmp_path / f"poses.{ending}")
    poses = Poses.read(tmp_path / f"poses.{ending}")
    np.testing.assert_array_equal(poses.pose_cm, pose_cm)
    assert poses.frame.tolist() == [0, 1, 2, 4, 5, 6, 7]
    assert (poses.skeleton, poses.recording, poses.checkpoint) == (unrealego(), "recordings/walk", "best.ckpt")
    np.testing.assert_array_equal(poses.confidence, 0.5)


def test_poses_of_earlier_versions_have_no_confidence(tmp_path):
    write_poses(tmp_path / "poses.h5")
    with h5py.File(tmp_path / "poses.h5", "a") as file:
        del file["confidence"]
    assert np.isnan(Poses.read(tmp_path / "poses.h5").confidence).all()


@pytest.mark.parametrize("ending", ["h5", "npz"])
def test_poses_are_shown_without_errors(ending, tmp_path):
    pose_cm = write_poses(tmp_path / f"poses.{ending}")
    page = tmp_path / "new" / "page.html"
    assert write_view(tmp_path / f"poses.{ending}", page, ViewOptions()) == []
    about = json.loads(blocks(page)["scene"])
    assert about["methods"] == []
    assert about["reference"] == "estimate"
    assert about["frameNumber"] == [0, 1, 2, 4, 5, 6, 7]
    np.testing.assert_allclose(shown(page), pose_cm, atol=0.006)
    text = page.read_text("utf-8")
    assert "Nothing is known to be true" in text
    assert "0.50 on average" in text
    write_view(tmp_path / f"poses.{ending}", page, ViewOptions(frames=3))
    assert json.loads(blocks(page)["scene"])["frames"] == 3


def test_a_store_is_shown_with_its_images(run: Egotap, home, tmp_path):
    folder = home / "view-store"
    counts = "data.frames={train: 2, validation: 2, test: 6}"
    run("prepare", "scale=smoke", counts, f"data.folder={folder}", "data.workers=0")
    store = FrameStore(folder / "test.h5")
    for path in (folder, folder / "test.h5"):
        write_view(path, tmp_path / "page.html", ViewOptions())
        about = json.loads(blocks(tmp_path / "page.html")["scene"])
        assert about["reference"] == "truth"
        assert about["imagePx"] == [64, 64]
        truth = store.read(range(6), images=False).pose_cm.numpy()
        poses = shown(tmp_path / "page.html")
        assert all(np.abs(truth - pose).max((1, 2)).min() < 0.006 for pose in poses)  # in the order of the motions
        assert len(poses) == 6
    write_view(folder, tmp_path / "page.html", ViewOptions(split="train"))
    assert json.loads(blocks(tmp_path / "page.html")["scene"])["frames"] == 2


def test_predictions_are_compared_with_the_truth(make_run, tmp_path):
    made = make_run("table1/egotap", 1, [10.0, 20.0, 30.0, 40.0], ["a", "a", "b", "b"])
    missing = write_view(made.folder / "predictions.h5", tmp_path / "page.html", ViewOptions(data=tmp_path))
    assert missing == [f"Images: the frame store of these predictions is not in {tmp_path}"]
    predictions = Predictions.read(made.folder / "predictions.h5")
    order = [3, 2, 1, 0]  # the worst first: each frame is a motion of its own, as categories alternate
    np.testing.assert_allclose(shown(tmp_path / "page.html"), predictions.truth_cm[order], atol=0.006)
    np.testing.assert_allclose(shown(tmp_path / "page.html", 1), predictions.pose_cm[order], atol=0.006)
    assert "25.0 mm" in (tmp_path / "page.html").read_text("utf-8")


def test_what_cannot_be_shown_is_named(tmp_path):
    def error_of(path: Path, output: str = "page.html", **options: object) -> str:
        with pytest.raises(EgotapError) as error:
            write_view(path, tmp_path / output, ViewOptions(**options))  # type: ignore[arg-type]
        return str(error.value)

    poses = tmp_path / "poses.h5"
    write_poses(poses)
    assert "must be a file that ends in .html" in error_of(poses, "page.pdf")
    assert "no such file" in error_of(tmp_path / "nowhere")
    assert "neither a run's folder nor prepared data" in error_of(tmp_path)
    assert "frames=0: must be a whole number" in error_of(poses, frames=0)
    (tmp_path / "poses.csv").write_text("frame")
    assert "not of a kind that can be shown" in error_of(tmp_path / "poses.csv")
    (tmp_path / "broken.npz").write_bytes(b"PK")
    assert "not poses of this program, or damaged" in error_of(tmp_path / "broken.npz")
    np.savez(tmp_path / "other.npz", x=np.zeros(3))
    assert "not poses of this program" in error_of(tmp_path / "other.npz")
    with h5py.File(poses, "a") as file:
        file.attrs["skeleton"] = "{}"
    assert "its skeleton is damaged" in error_of(poses)
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["x"] = 1
    assert "other.h5" in error_of(tmp_path / "other.h5")
    assert not (tmp_path / "page.html").exists()


def test_the_command_writes_and_opens_a_page(run: Egotap, tmp_path, monkeypatch):
    write_poses(tmp_path / "a=b.h5")
    asked: list[str] = []

    def opens(address: str) -> bool:
        asked.append(address)
        return True

    monkeypatch.setattr("webbrowser.open", opens)
    outcome = run("view", f"{tmp_path}/a=b.h5")
    page = Path(outcome.out.split()[-1])
    assert asked == [page.as_uri()]
    assert page.name == "a=b.html"
    np.testing.assert_allclose(shown(page).shape, (7, 16, 3))
    outcome = run("view", f"input={tmp_path}/a=b.h5", f"output={tmp_path}/page.html", "open=false")
    assert outcome.out == f"page  {tmp_path}/page.html\n"
    assert len(asked) == 1
    assert "no such file" in run("view", "nowhere.h5", ok=False).err


@pytest.mark.slow
def test_a_run_is_shown_with_images_and_heatmaps(run: Egotap, home, whole: Path, tmp_path):
    for path in (whole, whole / "predictions.h5"):
        outcome = run("view", str(path), f"output={tmp_path}/page.html", "open=false", "frames=3")
        assert "missing" not in outcome.err
        about = json.loads(blocks(tmp_path / "page.html")["scene"])
        assert len(about["methods"]) == 1
        assert about["imagePx"] == [64, 64]
        assert about["mapPx"] == [16, 16]
        predictions = Predictions.read(whole / "predictions.h5")
        assert 0 < about["frames"] <= 3
        estimates = shown(tmp_path / "page.html", 1)
        assert all(np.abs(predictions.pose_cm - pose).max((1, 2)).min() < 0.01 for pose in estimates)


def test_predictions_of_data_without_their_split_are_shown(whole: Path, home, tmp_path):
    file = shutil.copy(whole / "predictions.h5", tmp_path)
    data = shutil.copytree(store_of(whole, home), tmp_path / "data" / "egosynth")
    (data / "validation.h5").unlink()
    with h5py.File(file, "r+") as predictions:
        predictions.attrs["split"] = "validation"
    (missing,) = write_view(Path(file), tmp_path / "page.html", ViewOptions(data=tmp_path / "data", frames=3))
    assert missing.startswith(f"Images: {data / 'validation.h5'}")
    assert json.loads(blocks(tmp_path / "page.html")["scene"])["frames"] > 0


def test_frames_are_found_in_the_folder_that_the_run_names(whole: Path, home, tmp_path):
    run = read_run(whole)
    there = replace(run, settings={**run.settings, "data": {"folder": str(store_of(whole, home))}})
    for each, is_there in ((run, False), (there, True)):
        with Material([], tmp_path, ()) as material:
            assert (material.store_of(each) is not None) == is_there
            assert bool(material.missing) != is_there


def test_a_run_without_an_alignable_pose_is_shown(whole: Path, tmp_path):
    unknown = shutil.copytree(whole, tmp_path / "run")
    metrics = json.loads((unknown / "metrics.json").read_text())
    (unknown / "metrics.json").write_text(json.dumps({**metrics, "pa_mpjpe": None}))
    write_view(unknown, tmp_path / "page.html", ViewOptions(data=tmp_path, frames=3))
    assert "not known" in (tmp_path / "page.html").read_text("utf-8")


def test_a_recordings_poses_are_seen_from_command_to_page(run: Egotap, tmp_path):
    file = checkpoint(tmp_path / "own.ckpt", "experiment=table1/egotap")
    random = np.random.default_rng(0)
    for number in range(3):
        for side in ("L", "R"):
            (tmp_path / "rec" / side).mkdir(parents=True, exist_ok=True)
            pixels = random.integers(0, 256, (64, 64, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "rec" / side / f"{number}.png")
    run("predict", f"checkpoint={file}", f"input={tmp_path}/rec", f"output={tmp_path}/rec/poses.h5")
    run("view", f"{tmp_path}/rec/poses.h5", f"output={tmp_path}/rec/poses.html", "open=false")
    with h5py.File(tmp_path / "rec" / "poses.h5") as written:
        np.testing.assert_allclose(shown(tmp_path / "rec" / "poses.html"), written["pose_cm"][...], atol=0.02)
