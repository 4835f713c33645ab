"""`egotap predict` gives the network's poses for every kind of input, and never writes an incomplete file."""

from __future__ import annotations

import csv
import hashlib
import json
import re
import shutil
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from PIL import Image
from random_checkpoints import answers, checkpoint
from smoke import SMOKE, Run, run_folder

from egotap_pl.core.camera import StereoRig
from egotap_pl.core.errors import EgotapError
from egotap_pl.data.calibration import save_rig
from egotap_pl.engine.datasets import find_data
from egotap_pl.engine.prediction import input_pictures
from egotap_pl.engine.prediction.predictor import Predictor

METHODS = {
    "egotap": ("experiment=table1/egotap",),
    "unrealego": ("experiment=table1/unrealego",),
    "ego3dpose": ("experiment=table1/ego3dpose",),
    "egoglass": ("experiment=table1/egoglass",),
    "joint_only": ("experiment=table1/unrealego", "heatmaps=joint_only"),
    "egoposeformer": ("experiment=beyond/egoposeformer_estimated_origin",),
}
FRAMES, PX = 5, 64  # scale=smoke


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (FRAMES, 2, 3, PX, PX), dtype=np.uint8)


@pytest.fixture(scope="module")
def folder(images: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("stereo")
    for view, side in enumerate(("left", "right")):
        (path / side).mkdir()
        for number, frame in enumerate(images):
            Image.fromarray(frame[view].transpose(1, 2, 0)).save(path / side / f"{number}.png")
    return path


def poses(path: Path) -> np.ndarray:
    with h5py.File(path) as file:
        return file["pose_cm"][...]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("data", ["egosynth", "egosynth_stick"])
def test_every_method_reads_images(method, data, images, folder, run: Run, tmp_path):
    file = checkpoint(tmp_path / "own.ckpt", *METHODS[method], data=data)
    run("predict", f"checkpoint={file}", f"input={folder}", f"output={tmp_path}/poses.h5", "batch_size=2")
    pose_cm = poses(tmp_path / "poses.h5")
    assert np.ptp(pose_cm, axis=0).max() > 1e-3  # the images matter
    np.testing.assert_allclose(pose_cm, answers(file, images), rtol=1e-4, atol=1e-4)


def test_files_name_the_checkpoint_and_the_joints(images, folder, run: Run, tmp_path):
    file = checkpoint(tmp_path / "own.ckpt", "experiment=table1/egotap")
    for ending in ("h5", "csv", "npz"):
        run("predict", f"checkpoint={file}", f"input={folder}", f"output={tmp_path}/new/poses.{ending}", "frames=3")
    with h5py.File(tmp_path / "new" / "poses.h5") as written:
        assert written.attrs["checkpoint_sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
        assert written.attrs["joints"][0] == "head"
        assert list(written["name"].asstr()) == ["0", "1", "2"]
        pose_cm, joints = written["pose_cm"][...], list(written.attrs["joints"])
    arrays = np.load(tmp_path / "new" / "poses.npz")
    np.testing.assert_array_equal(arrays["pose_cm"], pose_cm)
    assert json.loads(str(arrays["attributes"]))["joints"] == joints
    with (tmp_path / "new" / "poses.csv").open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert [row["name"] for row in rows] == ["0", "1", "2"]
    column = [float(row[f"{joints[5]}_z_cm"]) for row in rows]
    np.testing.assert_allclose(column, pose_cm[:, 5, 2], atol=1e-4)


def test_pictures_are_of_frames_evenly_spread(folder, run: Run, tmp_path, monkeypatch):
    file = checkpoint(tmp_path / "own.ckpt", "experiment=table1/egotap")
    drawn, draw = [], input_pictures.estimates_figure

    def watched(estimates, skeleton):
        drawn.extend(estimates)
        return draw(estimates, skeleton)

    monkeypatch.setattr(input_pictures, "estimates_figure", watched)
    run("predict", f"checkpoint={file}", f"input={folder}", f"output={tmp_path}/poses.h5", "batch_size=2", "pictures=3")
    assert [estimate.title for estimate in drawn] == ["0", "2", "4"]
    np.testing.assert_array_equal([estimate.pose_cm for estimate in drawn], poses(tmp_path / "poses.h5")[::2])
    with Image.open(tmp_path / "poses.png") as picture:
        assert picture.width > 500


def test_a_store_gives_the_poses_of_its_images(run: Run, home, tmp_path):
    store = home / "predict-store"
    run(
        "prepare",
        "scale=smoke",
        "data.frames={train: 2, validation: 2, test: 6}",
        f"data.folder={store}",
        "data.workers=0",
    )
    file = checkpoint(tmp_path / "own.ckpt", "experiment=table1/egotap")
    run("predict", f"checkpoint={file}", f"input={store}", f"output={tmp_path}/folder.h5", "batch_size=4")
    run("predict", f"checkpoint={file}", f"input={store}/test.h5", f"output={tmp_path}/file.h5")
    with h5py.File(store / "test.h5") as stored:
        images = stored["images"][...]
    np.testing.assert_allclose(poses(tmp_path / "folder.h5"), answers(file, images), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(poses(tmp_path / "file.h5"), poses(tmp_path / "folder.h5"), rtol=1e-4, atol=1e-4)
    drawn = checkpoint(tmp_path / "truth.ckpt", "heatmaps=truth")
    outcome = run("predict", f"checkpoint={drawn}", f"input={store}", f"output={tmp_path}/drawn.h5")
    assert "true poses" in outcome.err
    other = checkpoint(tmp_path / "stick.ckpt", "experiment=table1/egotap", data="egosynth_stick")
    outcome = run("predict", f"checkpoint={other}", f"input={store}", f"output={tmp_path}/x.h5", ok=False)
    assert "skeleton egocap" in outcome.err


@pytest.mark.slow
def test_a_runs_checkpoint_gives_its_predictions_again(run: Run, home, tmp_path):
    """UnrealEgo's lifter on joint heatmaps alone, without a limb estimator."""
    outcome = run("train", "experiment=table1/unrealego", "heatmaps=joint_only", *SMOKE)
    folder = run_folder(outcome, home)
    store = find_data(home / "work" / "data", json.loads((folder / "metrics.json").read_text())["dataset_fingerprint"])
    best = folder / "checkpoints" / "best.ckpt"
    run("predict", f"checkpoint={best}", f"input={store}", f"output={tmp_path}/poses.h5")
    with h5py.File(folder / "predictions.h5") as file:
        np.testing.assert_allclose(poses(tmp_path / "poses.h5"), file["pose_cm"][...], rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize(
    ("overrides", "part", "expected"),
    [
        (("heatmaps=truth",), "training", "heatmaps=truth"),
        ((), "estimators.joint", "HeatmapTask"),
        (("experiment=table3/grid_vit",), "probe", "ReconstructionTask"),
    ],
)
def test_a_checkpoint_that_gives_no_poses_says_so(overrides, part, expected, folder, run: Run, tmp_path):
    file = checkpoint(tmp_path / "own.ckpt", *overrides, part=part)
    outcome = run("predict", f"checkpoint={file}", f"input={folder}", f"output={tmp_path}/poses.h5", ok=False)
    assert outcome.err.startswith(f"egotap: {file}")
    assert expected in outcome.err
    assert "Traceback" not in outcome.err


def test_mistakes_are_named_before_any_work(folder, run: Run, tmp_path):
    file = checkpoint(tmp_path / "own.ckpt", "experiment=table1/egotap")

    def fails(*overrides: str) -> str:
        values = {"checkpoint": str(file), "input": str(folder), "output": str(tmp_path / "poses.h5")}
        values |= dict(override.split("=", 1) for override in overrides)
        outcome = run("predict", *(f"{key}={value}" for key, value in values.items()), ok=False)
        assert "Traceback" not in outcome.err
        return outcome.err

    assert "poses.txt: must be a file that ends in one of: .h5" in fails(f"output={tmp_path}/poses.txt")
    assert "nowhere: no such file" in fails("input=nowhere")
    assert "frames=0" in fails("frames=0")
    assert "batch_size=-1" in fails("batch_size=-1")
    assert "one device" in fails("trainer.devices=2")
    assert "precision" in fails("trainer.precision=7")
    assert "pictures=-1" in fails("pictures=-1")
    assert [path.name for path in tmp_path.iterdir()] == ["own.ckpt"]


def test_an_interruption_leaves_nothing_half_written(folder, run: Run, tmp_path, monkeypatch):
    file, output = checkpoint(tmp_path / "own.ckpt", "experiment=table1/egotap"), tmp_path / "out" / "poses.h5"
    estimate, batches = Predictor.estimate_with_heatmaps, []

    def interrupted(predictor, stereo, stream):
        batches.append(stereo)
        if len(batches) == 2:
            raise KeyboardInterrupt
        return estimate(predictor, stereo, stream)

    monkeypatch.setattr(Predictor, "estimate_with_heatmaps", interrupted)
    outcome = run("predict", f"checkpoint={file}", f"input={folder}", f"output={output}", "batch_size=2", ok=False)
    assert outcome.status == 130
    assert "interrupted after 2 frames" in outcome.err
    assert list(output.parent.iterdir()) == []


def test_the_confidence_in_a_joint_is_the_peak_of_its_heatmaps(images, folder, run: Run, tmp_path):
    for data, with_root in (("egosynth", True), ("egosynth_stick", False)):
        file = checkpoint(tmp_path / f"{data}.ckpt", "experiment=table1/egotap", data=data)
        run("predict", f"checkpoint={file}", f"input={folder}", f"output={tmp_path}/{data}.h5", "batch_size=2")
        with h5py.File(tmp_path / f"{data}.h5") as written:
            confidence = written["confidence"][...]
        peaks = Predictor.load(file).heatmaps(images).joint.numpy().max((-2, -1)).max(1)
        if with_root:  # which has no heatmap
            assert np.isnan(confidence[:, 0]).all()
            confidence = confidence[:, 1:]
        np.testing.assert_allclose(confidence, peaks, rtol=1e-4, atol=1e-5)


def test_results_may_lie_in_the_inputs_folder(images, run: Run, tmp_path):
    """Twice, and with pictures that look like frames."""
    file = checkpoint(tmp_path / "own.ckpt", "experiment=table1/egotap")
    recording = tmp_path / "recording"
    recording.mkdir()
    for number, frame in enumerate(images):
        Image.fromarray(np.concatenate([view.transpose(1, 2, 0) for view in frame], 1)).save(
            recording / f"{number}.png"
        )
    words = (f"checkpoint={file}", f"input={recording}", f"output={recording}/poses.h5", "pictures=1")
    first = run("predict", *words)
    pose_cm = poses(recording / "poses.h5")
    second = run("predict", *words)
    assert f"poses of {FRAMES} frames" in first.out
    assert first.out == second.out
    np.testing.assert_array_equal(poses(recording / "poses.h5"), pose_cm)
    outcome = run("predict", words[0], f"input={recording}/poses.h5", words[2], ok=False)
    assert "is an input, which would be overwritten" in outcome.err
    frame = (recording / "0.png").read_bytes()
    outcome = run("predict", *words[:2], f"output={recording}/0.h5", "pictures=1", ok=False)
    assert "0.png: is an input, which would be overwritten" in outcome.err
    assert (recording / "0.png").read_bytes() == frame
    with h5py.File(tmp_path / "other.h5", "w") as other:
        other["frames"] = np.arange(3)
    outcome = run("predict", *words[:2], f"output={tmp_path}/other.h5", ok=False)
    assert "other.h5: is an HDF5 file of something else, which would be lost" in outcome.err
    with h5py.File(tmp_path / "other.h5") as other:
        assert list(other["frames"]) == [0, 1, 2]


def test_frames_that_cannot_be_read_are_skipped_and_counted(images, folder, run: Run, tmp_path):
    file = checkpoint(tmp_path / "own.ckpt", "experiment=table1/egotap")
    broken = tmp_path / "broken"
    shutil.copytree(folder, broken)
    (broken / "right" / "1.png").write_bytes(b"no image")
    (broken / "left" / "3.png").unlink()
    words = (f"checkpoint={file}", f"input={broken}", f"output={tmp_path}/poses.h5")
    assert "on_error=skip" in run("predict", *words, ok=False).err
    assert "on_error=pass: must be one of: raise, skip" in run("predict", *words, "on_error=pass", ok=False).err
    outcome = run("predict", *words, "on_error=skip", "batch_size=2", "pictures=5")
    assert "poses of 3 frames" in outcome.out
    assert "skipped 2 frames that cannot be read: 1, 3" in outcome.out
    assert "frame 1 is skipped: " in outcome.err
    with h5py.File(tmp_path / "poses.h5") as written:
        assert written["frame"][...].tolist() == [0, 2, 4]
        assert list(written["name"].asstr()) == ["0", "2", "4"]
        np.testing.assert_allclose(written["pose_cm"][...], answers(file, images[[0, 2, 4]]), rtol=1e-4, atol=1e-4)
    shutil.copy(folder / "left" / "3.png", broken / "left")
    assert "skipped 1 frame that cannot be read: 1\n" in run("predict", *words, "on_error=skip").out
    for side in ("left", "right"):
        for path in (broken / side).iterdir():
            path.write_bytes(b"no image")
    outcome = run("predict", *words, "on_error=skip", ok=False)
    assert "no frames that can be read: " in outcome.err


def test_poses_as_bvh(folder, run: Run, tmp_path):
    file = checkpoint(tmp_path / "own.ckpt", "experiment=table1/egotap")
    outcome = run("predict", f"checkpoint={file}", f"input={folder}", f"output={tmp_path}/poses.bvh", "fps=10")
    text = (tmp_path / "poses.bvh").read_text()
    assert f"Frames: {FRAMES}\nFrame Time: 0.100000000\n" in text
    assert "ROOT head" in text
    assert "cm at most" in outcome.err
    outcome = run(
        "predict", f"checkpoint={file}", f"input={folder}", f"output={tmp_path}/poses.bvh", "fps=-1", ok=False
    )
    assert "fps=-1: must be a number" in outcome.err


def test_heatmaps_of_ones_own_estimator_are_lifted(images, folder, run: Run, tmp_path):
    file = checkpoint(tmp_path / "own.ckpt", "experiment=table1/egotap")
    heatmaps = Predictor.load(file).heatmaps(images)
    np.savez(tmp_path / "maps.npz", joint_heatmaps=heatmaps.joint.numpy(), limb_heatmaps=heatmaps.limb.numpy())
    with h5py.File(tmp_path / "maps.h5", "w") as written:
        written["joint_heatmaps"], written["limb_heatmaps"] = heatmaps.joint.numpy(), heatmaps.limb.numpy()
    for name in ("maps.npz", "maps.h5"):
        run("predict", f"checkpoint={file}", f"input={tmp_path}/{name}", f"output={tmp_path}/poses.h5", "batch_size=2")
        np.testing.assert_allclose(poses(tmp_path / "poses.h5"), answers(file, images), rtol=1e-4, atol=1e-4)
        with h5py.File(tmp_path / "poses.h5") as written:
            peaks = heatmaps.joint.numpy().max((-2, -1)).max(1)
            np.testing.assert_allclose(written["confidence"][:, 1:], peaks, rtol=1e-6)
    words = (f"input={tmp_path}/maps.npz", f"output={tmp_path}/drawn.h5")
    assert "need images" in run("predict", f"checkpoint={file}", *words, "pictures=1", ok=False).err
    drawn = checkpoint(tmp_path / "truth.ckpt", "heatmaps=truth")  # a lifter alone
    run("predict", f"checkpoint={drawn}", *words)
    assert poses(tmp_path / "drawn.h5").shape == (FRAMES, 16, 3)


def test_an_overlay_of_every_frame(folder, run: Run, tmp_path):
    av = pytest.importorskip("av")
    file = checkpoint(tmp_path / "own.ckpt", "experiment=table1/egotap")
    words = (f"checkpoint={file}", f"input={folder}", f"output={tmp_path}/poses.h5", "batch_size=2")
    outcome = run("predict", *words, f"overlay={tmp_path}/seen.mp4", "fps=5")
    assert f"overlay  {tmp_path}/seen.mp4" in outcome.out
    with av.open(str(tmp_path / "seen.mp4")) as video:
        assert float(video.streams.video[0].average_rate) == 5
        assert len(list(video.decode(video=0))) == FRAMES
    assert "must be a file that ends in .mp4" in run("predict", *words, "overlay=seen.avi", ok=False).err
    recording = tmp_path / "recording"
    recording.mkdir()
    for side in ("left", "right"):
        with av.open(str(recording / f"{side}.mp4"), "w") as video:
            stream = video.add_stream("mpeg4", rate=25)
            stream.width, stream.height, stream.pix_fmt = PX, PX, "yuv420p"
            video.mux(stream.encode(av.VideoFrame(PX, PX, "yuv420p")))
            video.mux(stream.encode())
    content = (recording / "left.mp4").read_bytes()
    for given in (recording, recording / "left.mp4"):
        words = (words[0], f"input={given}", words[2], f"overlay={recording}/left.mp4")
        assert "overlay=" in (error := run("predict", *words, ok=False).err)
        assert "is an input, which would be overwritten" in error
    assert (recording / "left.mp4").read_bytes() == content


def test_frames_of_any_shape_are_cut_as_the_command_says(images, folder, run: Run, tmp_path):
    file = checkpoint(tmp_path / "own.ckpt", *METHODS["egotap"])
    wide = tmp_path / "my frames"
    for view, side in enumerate(("left", "right")):
        (wide / side).mkdir(parents=True)
        for number, frame in enumerate(images):
            canvas = Image.new("RGB", (96, 72))
            canvas.paste(Image.fromarray(frame[view].transpose(1, 2, 0)), (20, 4))
            canvas.save(wide / side / f"{number}.png")
    camera = f"{{model: kannala_brandt, size_px: [96, 72], centre_px: [52, 36], circle_radius_px: {PX // 2},"
    camera += " focal_px: [20, 20], distortion: [0, 0, 0, 0]}"
    rig = tmp_path / "my rig=1.yaml"
    transform = "{rotation_vector_rad: [0, 0, 0], translation_cm: [-9, 0, 0]}"
    rig.write_text(f"left: {camera}\nright: {camera}\nleft_to_right: {transform}\n")
    expected = answers(file, images)
    words = ("predict", f"checkpoint={file}", f"input={wide}", f"output={tmp_path}/poses.h5")
    for way in (["crop=[20,4,64]"], [f"rig={rig}"], ["crop=circle", f"rig={rig}"]):
        said = " ".join(run(*words, *way).err.split())
        np.testing.assert_allclose(poses(tmp_path / "poses.h5"), expected, rtol=1e-4, atol=1e-4)
        warning = "was trained for other cameras (rig unrealego) than these (rig my rig=1)"
        assert (warning in said) == (f"rig={rig}" in way)
    save_rig(StereoRig.unrealego(12.2), tmp_path / "calibrated.yaml")  # square frames are taken as they are
    same = run("predict", f"checkpoint={file}", f"input={folder}", f"rig={tmp_path}/calibrated.yaml", *words[3:])
    assert "other cameras" not in same.err
    run(*words, "crop=centre")
    assert np.abs(poses(tmp_path / "poses.h5") - expected).max() > 1e-3
    for word, message in {
        "frames=1": "crop=circle with rig=FILE",
        "crop=circle": "give rig=FILE",
        "crop=middle": "must be circle, centre or",
    }.items():
        assert message in " ".join(run(*words, word, ok=False).err.split())


def test_the_example_in_python_resizes_frames_but_does_not_squeeze_them(images, tmp_path, monkeypatch):
    page = (Path(__file__).parents[2] / "docs" / "predict.md").read_text(encoding="utf-8")
    (example,) = (text for text in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if "Predictor.load" in text)
    file = checkpoint(tmp_path / "best.ckpt", "experiment=table1/egotap")
    monkeypatch.chdir(tmp_path)

    def poses_of(height: int, width: int) -> np.ndarray:
        for view, side in enumerate(("left", "right")):
            (tmp_path / "recording" / side).mkdir(parents=True, exist_ok=True)
            large = images[0, view].transpose(1, 2, 0).repeat(height, 0).repeat(width, 1)
            Image.fromarray(large).save(tmp_path / "recording" / side / "0.png")
        names: dict[str, Any] = {}
        exec(compile(example, page[:20], "exec"), names)
        return names["poses_cm"]

    np.testing.assert_allclose(poses_of(2, 2), answers(file, images[:1]), rtol=1e-4, atol=1e-4)
    with pytest.raises(EgotapError, match="must be square"):
        poses_of(2, 3)
