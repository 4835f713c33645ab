"""What the viewer shows: whole motions, a run per method, pictures of the right frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch
from random_checkpoints import checkpoint
from smoke import Run as Egotap

from egotap_pl.analysis.predictions import Predictions
from egotap_pl.analysis.runs import Run
from egotap_pl.analysis.variants import Condition, IdentifiedRun, group
from egotap_pl.core.skeleton import unrealego
from egotap_pl.data.datamodule import FrameDataModule
from egotap_pl.report.contents import ViewerScene
from egotap_pl.report.material import Material
from egotap_pl.report.viewer_scene import IMAGE_PX, chosen_frames, coloured, reduced, viewer_scene

LENGTHS = {"walk": 6, "run": 4, "sit": 5, "jump": 5}
EGOTAP = ("table1/egotap", "table2/grid_vit_pu", "propagation/pu_tree_aligned")
ERRORS_CM = {"walk": 2.0, "run": 9.0, "sit": 1.0, "jump": 4.0}


def predictions(seed: int = 0, scale: float = 1.0, lengths: dict[str, int] = LENGTHS) -> Predictions:
    """Motions whose frames are mixed up, each with an error of its own."""
    generator = np.random.default_rng(3)
    names = [name for name, length in lengths.items() for _ in range(length)]
    numbers = [10 * k for length in lengths.values() for k in range(length)]
    order = generator.permutation(len(names))
    truth = generator.normal(size=(len(names), 16, 3)).astype(np.float32)
    pose = truth.copy()
    pose[:, :, 1] += scale * np.array([[ERRORS_CM[names[k]]] for k in order]) + 1e-3 * seed
    return Predictions(
        pose_cm=pose,
        truth_cm=truth,
        visibility=np.ones((len(names), 2, 16), np.uint8),
        row=np.arange(len(names)),
        category=tuple(f"{names[k]}ing" for k in order),
        subject=("somebody",) * len(names),
        motion=tuple(names[k] for k in order),
        frame_number=np.array([numbers[k] for k in order]),
        skeleton=unrealego(),
        dataset_fingerprint="f" * 64,
        split="test",
    )


class Staged(NamedTuple):
    scene: ViewerScene | None
    missing: list[str]


def staged(conditions: Sequence[Condition], data: Path, frames: int) -> Staged:
    """What the viewer shows, and what is missing from it."""
    with Material(conditions, data, ("egotap_pl",)) as material:
        return Staged(viewer_scene(material, frames), material.missing)


def made_run(folder: Path, experiment: str, seed: int, made: Predictions, maps: str = "EstimatedHeatmaps") -> Run:
    folder = folder / experiment / str(seed)
    folder.mkdir(parents=True)
    made.write(folder / "predictions.h5")
    metrics = {
        "experiment": experiment,
        "dataset": "egosynth",
        "dataset_fingerprint": made.dataset_fingerprint,
        "split": made.split,
        "mpjpe": float(made.error_mm.mean()),
    }
    settings = {"seed": seed, "heatmaps": {"source": {"_target_": f"egotap_pl.tasks.heatmap_sources.{maps}"}}}
    return Run(folder, settings, metrics)


def conditions(*runs: Run) -> list[Condition]:
    """The runs as the report groups them; EgoTAP and its row of Table 2 are one configuration."""
    identified = []
    for run in runs:
        presets = EGOTAP if run.experiment in EGOTAP else (run.experiment,)
        changes = (("heatmaps", "truth"),) if "TrueHeatmaps" in str(run.settings["heatmaps"]) else ()
        identified.append(IdentifiedRun(run, f"{presets} {changes}", presets, "tiny", changes, ()))
    return group(identified)


def test_motions_are_whole_in_order_and_the_worst_first():
    made = predictions()
    order = chosen_frames(made, made.error_mm.mean(-1), 100)
    assert [made.motion[k] for k in order] == ["run"] * 4 + ["jump"] * 5 + ["walk"] * 6 + ["sit"] * 5
    for motion in LENGTHS:
        numbers = [made.frame_number[k] for k in order if made.motion[k] == motion]
        assert numbers == sorted(numbers)


def test_of_more_than_fit_the_worst_the_median_and_the_best_are_taken_whole():
    lengths = {f"m{k}": 5 for k in range(20)}
    ERRORS_CM.update({name: 1.0 + k for k, name in enumerate(lengths)})
    made = predictions(lengths=lengths)
    order = chosen_frames(made, made.error_mm.mean(-1), 22)
    shown = [made.motion[k] for k in order]
    assert len(shown) == 20  # four whole motions; two frames of a fifth would not be a motion
    assert shown[0] == "m19"
    assert shown[-1] == "m0"
    assert {"m9", "m10"} & set(shown)


def test_of_a_very_long_motion_the_part_about_its_worst_frame_is_taken():
    ERRORS_CM.update(long=3.0, other=1.0)
    made = predictions(lengths={"long": 200, "other": 5})
    worst = next(k for k in range(205) if made.motion[k] == "long" and made.frame_number[k] == 1200)
    error = made.error_mm.mean(-1)
    error[worst] += 500
    order = chosen_frames(made, error, 40)
    long = [int(made.frame_number[k]) for k in order if made.motion[k] == "long"]
    assert len(long) == 10
    assert np.all(np.diff(long) == 10)
    assert 1200 in long
    assert [made.motion[k] for k in order].count("other") == 5


def test_methods_have_their_lowest_common_seed_and_the_main_one_is_first(tmp_path: Path):
    seeds = {"table2/cnn": (1, 2, 3), "table2/grid_vit": (2, 3), "table2/grid_vit_pu": (2, 1)}
    runs = [
        made_run(tmp_path, experiment, seed, predictions(seed, scale))
        for scale, (experiment, own) in enumerate(seeds.items(), start=1)
        for seed in own
    ]
    by_name = {(run.experiment, run.seed): run for run in runs}
    twin = made_run(tmp_path, "table1/egotap", 2, by_name["table2/grid_vit_pu", 2].predictions)
    truth = made_run(tmp_path, "propagation/pu_tree_aligned", 2, predictions(0, 0.5), "TrueHeatmaps")
    shown = staged(conditions(*runs, twin, truth), tmp_path / "nowhere", 100)
    scene = shown.scene
    assert scene is not None
    methods = list(scene.estimates_cm)
    # Table 1's EgoTAP is table 2's; and the viewer begins with what read the same kind of heatmaps.
    assert methods == ["EgoTAP", "CNN", "Grid ViT", "EgoTAP, heatmaps=truth"]
    assert "seed 2" in scene.note
    cnn = by_name["table2/cnn", 2].predictions
    for k, (name, number) in enumerate(zip(scene.motion, scene.frame_number, strict=True)):
        row = next(r for r in range(len(cnn)) if cnn.motion[r] == name and cnn.frame_number[r] == number)
        np.testing.assert_array_equal(scene.estimates_cm["CNN"][k], cnn.pose_cm[row])
        np.testing.assert_array_equal(scene.truth_cm[k], cnn.truth_cm[row])
    assert scene.images is None
    assert "egotap prepare" in shown.missing[0]


def test_one_method_at_two_scales_is_shown_twice(tmp_path: Path):
    scales = ("tiny", "wide")  # the latter is a user's own, on the same frames
    runs = [made_run(tmp_path / name, "table2/cnn", 1, predictions(scale=k)) for k, name in enumerate(scales, 1)]
    identified = [
        IdentifiedRun(run, name, ("table2/cnn",), name, (), ()) for run, name in zip(runs, scales, strict=True)
    ]
    scene = staged(group(identified), tmp_path, 100).scene
    assert scene is not None
    assert list(scene.estimates_cm) == ["CNN, scale=tiny", "CNN, scale=wide"]


def test_frames_of_another_data_set_are_named(tmp_path: Path):
    other = replace(predictions(), dataset_fingerprint="e" * 64)
    runs = [
        made_run(tmp_path, name, 1, predictions(scale=k)) for k, name in enumerate(("table2/cnn", "table2/grid_vit"), 1)
    ]
    shown = staged(conditions(made_run(tmp_path, "table1/egoglass", 1, other), *runs), tmp_path, 100)
    assert shown.scene is not None
    assert list(shown.scene.estimates_cm) == ["CNN", "Grid ViT"]
    assert "eeeeeeeeeeee" in shown.missing[0]


@pytest.mark.parametrize(("frames", "told"), [(0, 0), (10, 1)])
def test_without_frames_or_predictions_there_is_no_scene(frames: int, told: int):
    shown = staged([], Path("."), frames)
    assert shown.scene is None
    assert len(shown.missing) == told


def test_pictures_are_those_of_the_frames(run: Egotap, tmp_path: Path):
    sizes = "data.frames={train: 4, validation: 4, test: 8}"
    run("prepare", "scale=smoke", sizes, f"data.folder={tmp_path}/data/egosynth", "data.workers=0")
    module = FrameDataModule(tmp_path / "data" / "egosynth", batch_size=1, workers=0)
    store = module.store("test")
    batch, names = store.read(range(len(store))), store.name_frames(range(len(store)))
    truth = batch.pose_cm.numpy()
    errors = np.random.default_rng(0).normal(size=truth.shape).astype(np.float32)
    made = Predictions(
        truth + errors, truth, batch.visibility.numpy(), np.arange(len(store)), *names, store.skeleton,
        module.fingerprint, "test",
    )  # fmt: skip
    done = made_run(tmp_path, "table2/grid_vit_pu", 1, made, "TrueHeatmaps")
    done.checkpoint.parent.mkdir()
    checkpoint(done.checkpoint, "heatmaps=truth")
    scene = staged(conditions(done), tmp_path / "data", 100).scene
    assert scene is not None
    assert scene.images is not None
    assert scene.heatmaps is not None
    assert len(scene) == 8
    for k, (motion, number) in enumerate(zip(scene.motion, scene.frame_number, strict=True)):
        row = next(r for r in range(len(store)) if names.motion[r] == motion and names.frame_number[r] == number)
        np.testing.assert_array_equal(scene.images[k], batch.images[row].numpy())
        side = scene.heatmaps.shape[-1]
        for view in range(2):
            points = (batch.points2d_px[row, view, 1:] * side / 1024).long()
            inside = points[((points >= 0) & (points < side)).all(-1)]
            lit = scene.heatmaps[k, view].max(0)[inside[:, 1], inside[:, 0]]
            assert (lit > 100).all()  # a map is bright where its joint is


def test_large_images_are_reduced():
    image = torch.zeros(1, 2, 3, 2 * IMAGE_PX, 2 * IMAGE_PX, dtype=torch.uint8)
    image[..., :IMAGE_PX] = 200
    small = reduced(image)
    assert small.shape == (1, 2, 3, IMAGE_PX, IMAGE_PX)
    assert set(np.unique(small[..., : IMAGE_PX // 2 - 2])) == {200}
    assert set(np.unique(small[..., IMAGE_PX // 2 + 2 :])) == {0}


def test_maps_are_painted_in_hues_of_their_own():
    maps = torch.zeros(1, 2, 4, 8, 8)
    for joint in range(4):
        maps[0, 0, joint, joint, joint] = 1
    picture = coloured(maps)
    colours = {tuple(picture[0, 0, :, k, k]) for k in range(4)}
    assert len(colours) == 4
    assert (255, 0, 0) in colours
    assert not picture[0, 1].any()
