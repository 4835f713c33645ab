"""Lifters that read earlier frames: trained, tested, and streamed frame by frame with the same poses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from smoke import Run, run_folder, store_of

import egotap_pl
from egotap_pl.core.errors import EgotapError
from egotap_pl.data.windows import Window
from egotap_pl.engine.prediction.predictor import Predictor

WHOLE = ("scale=smoke", "data=egosynth_motions", "window=unrealego2")
READERS = {"head": "temporal=causal_attention", "propagation": "lifter/propagation=temporal"}
TWO = ("trainer=ddp", "trainer.devices=2", "trainer.accelerator=cpu")


def poses(path: Path) -> np.ndarray:
    with h5py.File(path) as file:
        return np.asarray(file["pose_cm"][...])


def close(poses_cm: np.ndarray, expected_cm: np.ndarray) -> None:
    """Within 1e-5 of a body's size: convolutions round otherwise in batches of other sizes."""
    np.testing.assert_allclose(poses_cm, expected_cm, rtol=0, atol=1e-5 * np.abs(expected_cm).max())


def numbers(folder: Path) -> dict[str, Any]:
    names = ("mpjpe", "pck", "mpjve", "acceleration_error", "jitter", "true_jitter", "frame_stride")
    metrics = json.loads((folder / "metrics.json").read_text())
    return {name: metrics[name] for name in names}


@pytest.mark.slow
@pytest.mark.parametrize("reader", READERS)
def test_a_recording_frame_by_frame_gives_the_poses_of_the_test(reader: str, run: Run, home: Path) -> None:
    trained = run_folder(run("train", *WHOLE, READERS[reader], "heatmaps=truth", "training.batch_size=4"), home)
    expected = poses(trained / "predictions.h5")
    store = store_of(trained, home)
    for size in (1, 3, 8):
        output = home / f"{size}.h5"
        run("predict", f"checkpoint={trained}", f"input={store}", f"output={output}", f"batch_size={size}")
        close(poses(output), expected)
    assert numbers(trained)["frame_stride"] == 1


@pytest.mark.slow
@pytest.mark.usefixtures("forked_processes")
def test_two_processes_measure_movement_and_windows_as_one_does(run: Run, home: Path) -> None:
    trained = run_folder(run("train", *WHOLE, READERS["propagation"], "heatmaps=truth", *TWO), home)
    for name, devices in (("one", ()), ("two", TWO)):
        run("evaluate", f"checkpoint={trained}", f"output={name}", "batch_size=4", *devices)
    assert numbers(home / "two") == pytest.approx(numbers(home / "one"), rel=1e-5)
    np.testing.assert_allclose(
        poses(home / "two" / "predictions.h5"), poses(home / "one" / "predictions.h5"), atol=1e-4
    )


@pytest.mark.slow
def test_cached_heatmaps_a_finished_lifter_and_a_stream_of_images(run: Run, home: Path) -> None:
    """The temporal head is trained on a finished lifter; images in a stream give the poses of all at once."""
    common = ("scale=smoke", "data=egosynth_motions")
    first = run_folder(run("train", *common, "paths.runs=without-head"), home)
    head = READERS["head"]
    trained = run_folder(
        run("train", *common, head, "window=unrealego2", f"init={first}", "training.init_skip=[temporal]"), home
    )
    assert any(path.name.startswith("heatmaps-") for path in (home / "work" / "stages").iterdir())
    store = store_of(trained, home)
    images = egotap_pl.open_store(store).read(range(8)).images.numpy()
    predictor = Predictor.load(trained)
    assert predictor.window == Window(5, 3)
    stream = predictor.stream()
    parts = [predictor(images[k : k + 1], stream=stream) for k in range(8)]
    at_once = predictor(images)
    close(np.concatenate(parts), at_once)
    close(at_once, poses(trained / "predictions.h5"))
    assert not np.allclose(at_once, poses(first / "predictions.h5"), atol=1e-3)


def test_two_parts_that_read_the_past_are_refused(run: Run) -> None:
    both = run("train", "scale=smoke", "heatmaps=truth", *READERS.values(), ok=False)
    assert "cannot both read earlier frames: choose temporal=none" in both.err


@pytest.mark.parametrize("reader", READERS.values())
def test_windows_need_whole_frames_and_what_reads_them(reader: str) -> None:
    assert egotap_pl.compose("scale=smoke", "window=unrealego2", reader).data.window == Window(5, 3)
    mirrored = egotap_pl.compose("scale=smoke", "window=unrealego2", reader, "augment=mirror")
    assert mirrored.training.augment is not None
    with pytest.raises(EgotapError, match=r"training\.augment: Photometric changes every frame in another way"):
        egotap_pl.compose(
            "scale=smoke",
            "window=unrealego2",
            reader,
            "training.augment={_target_: egotap_pl.data.augment.Photometric}",
        )


def test_a_lifter_that_reads_single_frames_gets_no_windows() -> None:
    assert egotap_pl.compose("scale=smoke").data.window == Window(1, 1)
    with pytest.raises(EgotapError, match=r"data\.window=5: nothing in this lifter reads earlier frames"):
        egotap_pl.compose("scale=smoke", "data.window=5")
    with pytest.raises(EgotapError, match=r"data\.window=0: must be a whole number"):
        egotap_pl.compose("scale=smoke", "data.window=0")
    with pytest.raises(EgotapError, match=r"a window of one frame \(data\.window=1\) has no movement"):
        egotap_pl.compose("scale=smoke", "experiment=beyond/temporal_movement", "window=alone")
