"""Commands with lifters that see images."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from composed import make_batch
from PIL import Image
from random_checkpoints import checkpoint
from smoke import Run, interrupted_at, run_folder

from egotap_pl.core.camera import StereoRig
from egotap_pl.core.errors import EgotapError
from egotap_pl.data.recordings.crop import Crop
from egotap_pl.data.store.reader import FrameStore
from egotap_pl.engine.checkpoints.loading import KEY, load_task, read_checkpoint
from egotap_pl.engine.prediction.predicting import PredictOptions, predict
from egotap_pl.engine.prediction.predictor import Predictor
from egotap_pl.engine.training_pictures import panels_of

SMALL = ("scale=smoke", "training.batch_size=4", "pretraining.batch_size=8")
GIVEN = "experiment=beyond/egoposeformer"
FAIR = "experiment=beyond/egoposeformer_estimated_origin"
PX = 64


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stereo")
    images = np.random.default_rng(0).integers(0, 256, (3, 2, PX, PX, 3), dtype=np.uint8)
    for view, side in enumerate(("left", "right")):
        (folder / side).mkdir()
        for number, frame in enumerate(images):
            Image.fromarray(frame[view]).save(folder / side / f"{number}.png")
    return folder


@pytest.mark.slow
def test_the_encoder_is_pretrained_once_and_the_lifter_starts_from_it(run: Run, home: Path) -> None:
    unchanged = ("training.task.optimizer.lr=0.0", "training.task.initialise=null", "paths.runs=still")
    folder = run_folder(run("train", FAIR, *SMALL, *unchanged), home)
    (stage,) = (home / "work" / "stages").glob("image-encoder-*/checkpoints/best.ckpt")
    pretrained, lifter = read_checkpoint(stage), read_checkpoint(folder / "checkpoints" / "best.ckpt")
    name = "encoder.backbone.layer1.0.conv1.weight"
    assert torch.equal(lifter["state_dict"][f"lifter.{name}"], pretrained["state_dict"][f"estimator.{name}"])
    assert StereoRig.from_dict(lifter[KEY]["rig"]) == StereoRig.unrealego()
    assert json.loads((folder / "metrics.json").read_text())["origin_error"] > 0
    # Another seed, and the lifter that is given the origin, start from the same encoder.
    again = run("train", GIVEN, *SMALL, "seed=1").err
    assert f"image encoder: already there, work/stages/{stage.parts[-3]}" in again.replace(f"{home}/", "")
    run("train", "experiment=beyond/egoposeformer_no_pretraining", *SMALL[:2])
    assert len(list((home / "work" / "stages").glob("image-encoder-*/done.json"))) == 1
    run("report", "runs=runs/beyond", "output=report")
    assert "egoposeformer_no_pretraining" in (home / "report" / "index.html").read_text()


@pytest.mark.slow
def test_an_interrupted_training_ends_with_the_same_weights(run: Run, home: Path) -> None:
    arguments = (FAIR, *SMALL, "training.epochs=2", "seed=5")
    whole = run_folder(run("train", *arguments, "paths.runs=once"), home)
    with interrupted_at(6):
        run("train", *arguments, "paths.runs=twice")
    resumed = run_folder(run("train", *arguments, "paths.runs=twice"), home)
    one, other = (read_checkpoint(folder / "checkpoints" / "best.ckpt")["state_dict"] for folder in (whole, resumed))
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_true_origins_are_asked_for_and_come_from_a_store(
    run: Run, home: Path, recording: Path, tmp_path: Path
) -> None:
    file = checkpoint(tmp_path / "given.ckpt", GIVEN)
    output = f"output={tmp_path}/poses.h5"
    refused = run("predict", f"checkpoint={file}", f"input={recording}", output, ok=False).err
    assert "true position of the pelvis" in refused
    assert "frame store" in refused
    assert "lifter/origin=estimated" in refused
    with pytest.raises(EgotapError, match="lifter/origin=estimated"):
        Predictor.load(file)(np.zeros((1, 2, 3, PX, PX), np.uint8))
    run("prepare", "data=egosynth", "scale=smoke", "data.folder=smoke-data")
    run("predict", f"checkpoint={file}", "input=smoke-data", output, "pictures=1")
    assert (tmp_path / "poses.png").stat().st_size > 5000
    # On the skeleton whose poses are relative to the camera there is nothing to be asked for.
    stick = checkpoint(tmp_path / "stick.ckpt", GIVEN, data="egosynth_stick")
    run("predict", f"checkpoint={stick}", f"input={recording}", f"output={tmp_path}/stick.h5")


def test_heatmaps_are_no_input_for_a_lifter_that_sees_images(run: Run, tmp_path: Path) -> None:
    file = checkpoint(tmp_path / "own.ckpt", FAIR)
    maps = np.zeros((2, 2, 15, 16, 16), np.float32)
    np.savez(tmp_path / "maps.npz", joint_heatmaps=maps, limb_heatmaps=np.stack((maps, maps), 3))
    refused = run("predict", f"checkpoint={file}", f"input={tmp_path}/maps.npz", f"output={tmp_path}/p.h5", ok=False)
    assert "reads images, not heatmaps" in refused.err
    with pytest.raises(EgotapError, match="has no heatmaps"):
        Predictor.load(file).heatmaps(np.zeros((1, 2, 3, PX, PX), np.uint8))


def test_the_cameras_are_those_of_the_data_at_hand(run: Run, recording: Path, tmp_path: Path) -> None:
    file = checkpoint(tmp_path / "own.ckpt", FAIR)
    wide = StereoRig.unrealego(baseline_cm=30.0)
    task, _ = load_task(file, ["egotap_pl"])
    other, _ = load_task(file, ["egotap_pl"], rig=wide)
    assert task.lifter.rig == StereoRig.unrealego()
    assert other.lifter.rig == wide
    predictor = Predictor.load(file)
    predictor.task.lifter.set_mean_origin(torch.tensor([-6.0, -22.0, 65.0]))  # random weights put the body anywhere
    images = np.random.default_rng(1).integers(0, 256, (2, 2, 3, PX, PX), dtype=np.uint8)
    before = predictor(images)
    predictor.use_rig(wide)
    assert np.abs(predictor(images) - before).max() > 1e-4
    said = run("predict", f"checkpoint={file}", f"input={recording}", f"output={tmp_path}/poses.h5", "pictures=1").err
    assert "cameras of the training data (rig unrealego)" in said


@pytest.mark.parametrize("preset", [FAIR, "experiment=beyond/rays"])
def test_a_recordings_cameras_are_its_own(
    preset: str, recording: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The next recording, whose cameras nobody tells, is seen with those of the training or of `use_rig`."""
    predictor = Predictor.load(checkpoint(tmp_path / "own.ckpt", preset))
    images = np.random.default_rng(1).integers(0, 256, (1, 2, 3, PX, PX), dtype=np.uint8)
    wide, before = StereoRig.unrealego(baseline_cm=30.0), predictor(images)

    def estimate(rig: StereoRig | None) -> tuple[StereoRig | None, str]:
        """The rig that is used, and what is said of it."""
        options = PredictOptions(crop=Crop("circle" if rig else None, rig))
        predict(predictor, [recording], tmp_path / "poses.h5", options)
        return predictor.task.lifter.rig, capfd.readouterr().err

    said = "the cameras of the training data (rig unrealego)"
    with_rig, without = estimate(wide), estimate(None)
    assert with_rig[0] is not None
    assert with_rig[0].translation_cm == (30.0, 0.0, 0.0)
    assert said not in with_rig[1]
    assert without[0] == StereoRig.unrealego()
    assert said in without[1]
    estimate(wide)
    np.testing.assert_array_equal(predictor(images), before)
    predictor.use_rig(wide)
    without = estimate(None)
    assert without[0] == wide
    assert said not in without[1]


def test_a_checkpoint_with_a_damaged_rig_is_refused(tmp_path: Path) -> None:
    file = checkpoint(tmp_path / "own.ckpt", FAIR)
    content = dict(torch.load(file, weights_only=True))
    for rig in ({"name": "x"}, {**content[KEY]["rig"], "cameras": [1, 2]}, {**content[KEY]["rig"], "rotation": "x"}):
        torch.save({**content, KEY: {**content[KEY], "rig": rig}}, file)
        with pytest.raises(EgotapError, match=r"own\.ckpt"):
            load_task(file, ["egotap_pl"])


def test_pictures_of_a_training_have_no_heatmaps(tmp_path: Path) -> None:
    task, _ = load_task(checkpoint(tmp_path / "own.ckpt", FAIR), ["egotap_pl"])
    with torch.inference_mode():
        panels = panels_of(task.eval(), make_batch("egosynth", PX), ["first", "second"])
    assert [panel.title for panel in panels] == ["first", "second"]
    assert not panels[0].heatmaps
    assert panels[0].poses_cm.keys() == {"truth", "estimate"}


@pytest.mark.slow
@pytest.mark.parametrize("preset", [GIVEN, FAIR])
def test_an_exported_network_gives_the_poses(preset: str, run: Run, tmp_path: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    file = checkpoint(tmp_path / "own.ckpt", preset, "lifter.depth=1")
    outcome = run("export", f"checkpoint={file}", f"output={tmp_path}/network.onnx")
    assert "checked on random batches of 1, 2, 5" in outcome.err
    session = onnxruntime.InferenceSession(tmp_path / "network.onnx")
    names = [value.name for value in session.get_inputs()]
    assert names == (["images", "origin_cm"] if preset == GIVEN else ["images"])


def test_what_an_image_lifter_costs_is_measured(run: Run, home: Path) -> None:
    options = ("scale=smoke", "seconds=0.01", "batch_size=2", "output=costs.json")
    run("benchmark", GIVEN, *options)
    costs = json.loads((home / "costs.json").read_text())["costs"]
    assert [cost["part"] for cost in costs] == ["lifter", "images to pose"]
    assert costs[0]["step_ms"] > 0


def test_the_mean_origin_is_that_of_the_frames_whose_origin_is_known(run: Run, home: Path) -> None:
    run("prepare", "data=egosynth", "scale=smoke", "data.folder=smoke-data")
    store = FrameStore(home / "smoke-data" / "train.h5")
    origins = store.labels["origin_cm"][:, 0]
    torch.testing.assert_close(store.mean_origin_cm(), origins.mean(0))
    origins[0] = torch.nan
    torch.testing.assert_close(store.mean_origin_cm(), origins[1:].mean(0))
    origins[:] = torch.nan
    assert store.mean_origin_cm() is None
