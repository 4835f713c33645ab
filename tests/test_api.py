"""The Python API answers bad input with an `EgotapError` that says what to do (docs/api.md)."""

from __future__ import annotations

import os
import random
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import hydra
import jaxtyping
import lightning as L
import numpy as np
import pytest
import torch
from hydra import version
from hydra.core.global_hydra import GlobalHydra
from PIL import Image

import egotap_pl
from egotap_pl import EgotapError, Predictor
from egotap_pl.core.camera import StereoRig
from egotap_pl.data.recordings.gaps import Gaps

FILES = Path(__file__).parent / "old" / "0.1.0"
RUN = FILES / "runs/table2/grid_vit_pu/egosynth/seed=3"
IMAGES = np.random.default_rng(0).integers(0, 256, (3, 2, 3, 64, 64), np.uint8)


@pytest.fixture(scope="module")
def predictor() -> Predictor:
    return Predictor.load(RUN)


@pytest.fixture
def _without_shape_checks() -> Iterator[None]:
    """Users have none: the checks at run time are for tests."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


@pytest.mark.usefixtures("_without_shape_checks")
@pytest.mark.parametrize("method", ["__call__", "heatmaps"])
@pytest.mark.parametrize(
    ("images", "message"),
    [
        (
            IMAGES / np.float32(255),
            "images are float32: must be uint8, 0 to 255; if they are 0 to 1, give images * 255",
        ),
        (torch.zeros(IMAGES.shape, dtype=torch.bfloat16), "images are bfloat16: must be uint8"),
        (
            IMAGES.astype(np.uint16),
            "images are uint16: must be uint8, 0 to 255; if they are 0 to 65535, give images // 256",
        ),
        (list(IMAGES), "images are a list: must be a NumPy array or a tensor; np.stack"),
        (
            IMAGES[0],
            "(frame, view, channel, height, width), with 2 views and 3 channels; for one frame, give images[None]",
        ),
        (IMAGES[:, :1], "images of shape (3, 1, 3, 64, 64): must have the axes (frame, view, channel, height, width)"),
        (np.moveaxis(IMAGES, 2, -1), "(3, 2, 64, 64, 3): must have the axes (frame, view, channel, height, width)"),
        (np.moveaxis(IMAGES, 2, -1), "np.moveaxis(images, -1, -3)"),
        (IMAGES[..., :48], "images of 48 x 64 px: must be square"),
        (IMAGES[..., :0, :0], "images of 0 x 0 px: must be square"),
    ],
)
def test_images_of_another_kind_are_refused(predictor: Any, method: str, images: Any, message: str) -> None:
    with pytest.raises(EgotapError, match=re.escape(message)):
        getattr(predictor, method)(images)


def test_arrays_and_tensors_give_the_same_poses(predictor: Predictor) -> None:
    larger = IMAGES.repeat(2, -1).repeat(2, -2)
    for images in (IMAGES, larger):
        np.testing.assert_array_equal(predictor(images), predictor(torch.from_numpy(images)))


def test_images_of_another_size_are_resized(predictor: Predictor) -> None:
    """Larger ones by averages, smaller ones by cubic interpolation."""
    np.testing.assert_array_equal(predictor(IMAGES.repeat(2, -1).repeat(2, -2)), predictor(IMAGES))
    smaller = IMAGES[..., ::2, ::2]
    views = [Image.fromarray(np.moveaxis(view, 0, -1)) for view in smaller.reshape(-1, 3, 32, 32)]
    larger = [np.moveaxis(np.asarray(view.resize((64, 64), Image.Resampling.BICUBIC)), -1, 0) for view in views]
    np.testing.assert_array_equal(predictor(smaller), predictor(np.reshape(larger, IMAGES.shape)))


def test_images_are_of_the_predictors_own_cameras(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also after a recording that has others."""
    predictor, seen = Predictor.load(RUN), list[StereoRig | None]()
    monkeypatch.setattr(predictor.task.lifter, "set_rig", seen.append, raising=False)
    own, others = StereoRig.unrealego(), StereoRig.unrealego(9.0)
    predictor.use_rig(own)
    recording: Any = SimpleNamespace(frames=None, rate=None, gaps=Gaps(), rig=others, batches=iter)
    predictor.check_source(recording)
    predictor(IMAGES)
    assert seen == [own, others, own]


def test_the_layout_of_an_array_makes_no_difference(predictor: Predictor, recwarn: pytest.WarningsRecorder) -> None:
    """Nor is there a warning. Arrays of files that are opened with ``mmap_mode="r"`` cannot be written to."""
    read_only = IMAGES.copy()
    read_only.flags.writeable = False
    other_strides = np.moveaxis(np.ascontiguousarray(np.moveaxis(IMAGES, 2, -1)), -1, 2)
    before = torch.is_warn_always_enabled()
    torch.set_warn_always(True)
    try:
        for images in (read_only, other_strides, IMAGES[:, :, ::-1].copy()[:, :, ::-1]):
            np.testing.assert_array_equal(predictor(images), predictor(IMAGES))
    finally:
        torch.set_warn_always(before)
    assert not recwarn.list


@pytest.mark.usefixtures("_without_shape_checks")
@pytest.mark.parametrize("stream", [True, False, "another's"])
def test_a_stream_is_one_of_the_predictor(predictor: Any, stream: Any) -> None:
    if stream == "another's":
        stream = Predictor.load(RUN).stream()
    with pytest.raises(EgotapError, match=r"must be what stream\(\) of this predictor gave"):
        predictor(IMAGES, stream=stream)


@pytest.mark.parametrize("method", ["__call__", "heatmaps"])
@pytest.mark.parametrize("batch_size", [0, -1])
def test_batches_have_frames(predictor: Predictor, batch_size: int, method: str) -> None:
    with pytest.raises(EgotapError, match=f"batch_size={batch_size}: must be a whole number, 1 or more"):
        getattr(predictor, method)(IMAGES, batch_size)


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_heatmaps_are_those_that_the_lifter_reads(precision: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the batches and the precision in which they are lifted."""
    predictor, read = Predictor.load(RUN, precision=precision), []
    lift = predictor.task.lifter.forward

    def watched(joint_heatmaps: torch.Tensor, limb_heatmaps: torch.Tensor) -> torch.Tensor:
        read.append((joint_heatmaps.float(), limb_heatmaps.float()))
        return lift(joint_heatmaps, limb_heatmaps)

    monkeypatch.setattr(predictor.task.lifter, "forward", watched)
    predictor(IMAGES, batch_size=2)
    assert [len(joint) for joint, _ in read] == [2, 1]
    for maps, parts in zip(predictor.heatmaps(IMAGES, batch_size=2), zip(*read, strict=True), strict=True):
        assert torch.equal(maps, torch.cat(parts))
    assert [len(maps) for maps in predictor.heatmaps(IMAGES[:0])] == [0, 0]


@pytest.mark.parametrize("device", ["cuda:0", "cuda", "tpu", "gpu"])
@pytest.mark.parametrize("call", [Predictor.load, egotap_pl.evaluate])
def test_a_device_is_named_as_the_caller_did(call: Any, device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    arguments = {"store": FILES / "data"} if call is egotap_pl.evaluate else {}
    remedy = 'give device="cpu"' if device == "gpu" else "must be one of: auto, cpu, gpu"
    with pytest.raises(EgotapError, match=f"^device={device}: .*{remedy}"):
        call(RUN, device=device, **arguments)


@pytest.mark.usefixtures("_without_shape_checks")
@pytest.mark.parametrize("override", [["seed=1"], {"seed": 1}, 1, None])
def test_overrides_are_strings(override: Any) -> None:
    with pytest.raises(EgotapError, match=rf'a {type(override).__name__}: .*"seed=1"\); .*compose\(\*words\)'):
        egotap_pl.compose("scale=smoke", override)


@pytest.mark.parametrize("override", ["-m", "scale=smoke seed=1", "seed"])
def test_an_override_is_one_key_and_its_value(override: str) -> None:
    with pytest.raises(EgotapError, match=rf"^{override}: not an override; each has the form key=value"):
        egotap_pl.compose(override)


def test_a_folder_of_ones_own(tmp_path: Path) -> None:
    (tmp_path / "scale").mkdir()
    (tmp_path / "scale" / "narrow.yaml").write_text("defaults: [smoke, _self_]\nbackbone_width: 3\n")
    with pytest.raises(EgotapError, match=r'FOLDER/scale/zzz.yaml, is found if you give "hydra.searchpath=\[FOLDER\]"'):
        egotap_pl.compose("scale=zzz")
    for words in (["--config-dir", str(tmp_path)], [f"--config-dir={tmp_path}"]):
        with pytest.raises(EgotapError, match=r'instead of --config-dir.*, give "hydra.searchpath=\[FOLDER\]"'):
            egotap_pl.compose(*words, "scale=narrow")
    settings = egotap_pl.compose(f"hydra.searchpath=[{tmp_path}]", "scale=narrow")
    assert "'width': 3" in str(settings.estimators["joint"].task)


def test_a_program_with_a_hydra_of_its_own(tmp_path: Path) -> None:
    """Its folder has files of the same names, as many projects do; it finds its Hydra as it was."""
    (tmp_path / "train.yaml").write_text("seed: 7\n")
    with hydra.initialize_config_dir(str(tmp_path), version_base="1.2"):
        assert egotap_pl.compose("scale=smoke", "seed=3").training.batch_size == 32
        with pytest.raises(EgotapError, match="nothing"):
            egotap_pl.compose("nothing=1")
        assert hydra.compose("train") == {"seed": 7}
        assert str(version.getbase()) == "1.2"
    assert not GlobalHydra.instance().is_initialized()


def test_threads_compose_their_own_settings() -> None:
    with ThreadPoolExecutor(4) as pool:
        settings = list(pool.map(lambda seed: egotap_pl.compose("scale=smoke", f"seed={seed}"), range(4)))
    assert [each.seed for each in settings] == [0, 1, 2, 3]


@pytest.mark.usefixtures("_without_shape_checks")  # they draw random numbers themselves
@pytest.mark.parametrize("error", [None, EgotapError, KeyboardInterrupt])
def test_a_training_leaves_the_callers_random_numbers_alone(error: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def seeded(*_: object) -> str:
        L.seed_everything(1, workers=True, verbose=False)
        if error:
            raise error
        return "trained"

    monkeypatch.setattr("egotap_pl.engine.training.together", seeded)
    monkeypatch.setenv("PL_GLOBAL_SEED", "5")
    monkeypatch.delenv("PL_SEED_WORKERS", raising=False)
    settings, drawn = egotap_pl.compose("scale=smoke"), []
    for trains in (False, True):
        random.seed(4)
        np.random.seed(4)  # noqa: NPY002
        torch.manual_seed(4)
        with suppress(EgotapError, KeyboardInterrupt):
            assert not trains or egotap_pl.train(settings) == "trained"
        drawn.append((random.random(), np.random.random(), torch.rand(()).item()))  # noqa: NPY002
    assert drawn[0] == drawn[1]
    assert (os.environ["PL_GLOBAL_SEED"], os.environ.get("PL_SEED_WORKERS")) == ("5", None)


def test_kinds_of_estimators() -> None:
    with pytest.raises(EgotapError, match=r"kind='joints': must be one of: joint, limb, shared"):
        egotap_pl.load_estimator("egosynth-small", "joints")


@pytest.mark.usefixtures("_without_shape_checks")
@pytest.mark.parametrize("settings", ["experiment=quickstart", {"seed": 1}, None])
def test_trainings_have_composed_settings(settings: Any) -> None:
    with pytest.raises(EgotapError, match=rf"train got a {type(settings).__name__}: give what egotap_pl.compose gives"):
        egotap_pl.train(settings)


def test_a_split_has_one_of_three_names() -> None:
    with pytest.raises(EgotapError, match="split=val: must be one of: train, validation, test"):
        egotap_pl.open_store(FILES / "data", "val")


@pytest.mark.usefixtures("_without_shape_checks")
@pytest.mark.parametrize("method", ["read", "name_frames"])
@pytest.mark.parametrize("rows", [0, [0.5], [True, False], "first", [[0, 1]], {0: 1}, None])
def test_rows_are_whole_numbers(method: str, rows: Any) -> None:
    store = egotap_pl.open_store(FILES / "data")
    with pytest.raises(EgotapError, match=re.escape(f"rows={rows}: must be a list of whole numbers, such as [0]")):
        getattr(store, method)(rows)
    with pytest.raises(IndexError, match=r"has rows 0 to 3, not \[4\]"):
        getattr(store, method)([4])
    assert len(getattr(store, method)(np.array([1, 3]))[0]) == 2
    assert len(getattr(store, method)([])[0]) == 0


def test_a_folder_of_runs_is_no_run() -> None:
    with pytest.raises(EgotapError, match=r"runs is a folder, but not of a run .* or a checkpoint file"):
        egotap_pl.load_task(FILES / "runs")
