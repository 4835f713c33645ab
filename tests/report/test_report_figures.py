"""The figures of a report, of runs that are made up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np
import pytest

from egotap_pl.analysis.predictions import Predictions
from egotap_pl.analysis.runs import Run
from egotap_pl.analysis.variants import Condition, IdentifiedRun, group
from egotap_pl.core.batch import Visibility
from egotap_pl.core.errors import EgotapError
from egotap_pl.core.skeleton import Skeleton, egocap, unrealego
from egotap_pl.report.contents import Illustration
from egotap_pl.report.illustrations.all import illustrations_of
from egotap_pl.report.material import Material
from egotap_pl.report.network_parts import parts_of
from egotap_pl.report.studies import Studies, find_studies

FRAMES, EPOCHS = 24, 6
SOURCES = {"true": "TrueHeatmaps", "estimated": "EstimatedHeatmaps"}


class Drawn(NamedTuple):
    illustrations: list[Illustration]
    missing: list[str]


def draw(conditions: Sequence[Condition], data: Path, trust: Sequence[str] = ("egotap_pl",)) -> Drawn:
    """The figures of a report, and what is missing from them."""
    with Material(conditions, data, trust) as material:
        return Drawn(illustrations_of(material), material.missing)


def studies_of(conditions: Sequence[Condition]) -> Studies:
    return find_studies(conditions, ("egotap_pl",), [])


def made_up(
    folder: Path,
    experiment: str,
    seed: int = 1,
    propagation: str = "NoPropagation",
    maps: str = "estimated",
    skeleton: Skeleton | None = None,
    frames: int = FRAMES,
    epochs: int = EPOCHS,
    known: bool = True,
    data: str = "",
    encoder: str = "egotap_pl.nn.encoders.GridViTEncoder",
) -> Run:
    """A run whose error is smaller with propagation."""
    skeleton = skeleton or unrealego()
    rng = np.random.default_rng([seed, len(propagation)])
    joints = len(skeleton.estimated)
    truth = np.random.default_rng(0).normal(0, 40, (frames, joints, 3)).astype(np.float32)
    error = rng.normal(0, 3 if propagation == "NoPropagation" else 2, truth.shape).astype(np.float32)
    visibility = np.random.default_rng(1).integers(1, 4, (frames, 2, joints)).astype(np.uint8)
    motions = tuple(f"m{k // 3}" for k in range(frames))
    categories = tuple(("golf", "boxing")[k % 2] for k in range(frames))
    run_folder = folder / f"{experiment}-{seed}-{maps}-{skeleton.name}-{epochs}{data}-{propagation}-{encoder}"
    run_folder.mkdir(parents=True)
    Predictions(
        truth + error,
        truth,
        visibility * known,
        np.arange(frames),
        categories,
        ("s1",) * frames,
        motions,
        np.arange(frames),
        skeleton,
        skeleton.name + data,
        "test",
    ).write(run_folder / "predictions.h5")
    settings = {
        "seed": seed,
        "heatmaps": {"source": {"_target_": f"egotap_pl.tasks.heatmap_sources.{SOURCES[maps]}"}},
        "lifter": {
            "encoder": {"_target_": encoder},
            "propagation": {
                "_target_": propagation if "." in propagation else f"egotap_pl.nn.propagation.{propagation}"
            },
            "propagation_parents": None,
            "head": {"rows": None},
        },
        "training": {"seed": seed, "epochs": epochs},
        "data": {"source": {}},
    }
    metrics = {
        "experiment": experiment,
        "dataset": "egosynth" if skeleton.estimates_root else "egosynth_stick",
        "dataset_fingerprint": skeleton.name + data,
        "split": "test",
        "seed": seed,
        "mpjpe": 1.0,
        "parameters": 10,
    }
    return Run(run_folder, settings, metrics)


def conditions(runs: Sequence[Run], *aliases: tuple[str, ...]) -> list[Condition]:
    """The runs as the report groups them; presets of one configuration are given as aliases."""
    identified = []
    for run in runs:
        presets = next((same for same in aliases if run.experiment in same), (run.experiment,))
        source = run.settings["heatmaps"]["source"]["_target_"]
        changes = [("heatmaps", "truth")] if source.endswith(SOURCES["true"]) else []
        epochs = run.settings["training"]["epochs"]
        changes += [("training.epochs", str(epochs))] if epochs != EPOCHS else []
        key = f"{presets} {changes} {run.metrics['dataset_fingerprint']}"
        identified.append(IdentifiedRun(run, key, presets, "tiny", tuple(changes), ()))
    return group(identified)


def grid(folder: Path, **options: object) -> list[Run]:
    """Grid ViT without and with propagation, two seeds each."""
    return [
        made_up(folder, experiment, seed, propagation, **options)  # type: ignore[arg-type]
        for experiment, propagation in (("table2/grid_vit", "NoPropagation"), ("table2/grid_vit_pu", "PuPropagation"))
        for seed in (1, 2)
    ]


def test_what_needs_only_predictions_is_drawn_and_the_rest_is_told(tmp_path: Path) -> None:
    drawn = draw(conditions(grid(tmp_path)), tmp_path / "nothing")
    assert [figure.name for figure in drawn.illustrations] == [
        "comparison_egosynth",
        "categories_egosynth",
        "propagation_egosynth_tiny",
        "visibility_table2_egosynth_tiny",
        "depth_table2_egosynth_tiny",
    ]
    for figure in drawn.illustrations:
        assert figure.title
        assert figure.alt
        assert any(character.isdigit() for character in figure.caption)
        assert figure.figure.axes
    assert any("egotap prepare" in line for line in drawn.missing)  # no frame store


def test_seeds_are_paired_and_the_control_has_no_propagation(tmp_path: Path) -> None:
    drawn = draw(conditions(grid(tmp_path)), tmp_path)
    (figure,) = (figure for figure in drawn.illustrations if figure.name.startswith("propagation"))
    titles = [axis.get_title() for axis in figure.figure.axes if axis.get_title()]
    assert titles == ["Grid ViT + PU (EgoTAP)", "control: Grid ViT, other seed"]
    assert f"{2 * FRAMES * 15} samples" in figure.caption
    assert "relative to the pelvis" in figure.caption
    assert "mean PE 0.00 mm, positive PP" in figure.caption  # seed 1 for 2 and 2 for 1


@pytest.fixture
def my_idea(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a module of the user's own, with subclasses of parts of the paper's network."""
    (tmp_path / "module").mkdir()
    (tmp_path / "module" / "my_figures_idea.py").write_text(
        "from egotap_pl.nn.encoders import GridViTEncoder\n"
        "from egotap_pl.nn.propagation import NoPropagation, Propagation, PuPropagation\n"
        "class MyPu(PuPropagation): pass\n"
        "class MyOwn(Propagation): pass\n"
        "class MyNone(NoPropagation): pass\n"
        "class MyViT(GridViTEncoder): pass\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path / "module"))
    return "my_figures_idea"


def propagation_panels(drawn: Drawn) -> list[list[str]]:
    figures = [figure.figure for figure in drawn.illustrations if figure.name.startswith("propagation")]
    return [[axis.get_title() for axis in figure.axes if axis.get_title()] for figure in figures]


@pytest.mark.parametrize("name", ["MyPu", "MyOwn"])
def test_a_propagation_of_the_users_own_has_its_panel_if_it_is_trusted(name: str, my_idea: str, tmp_path: Path) -> None:
    runs = [*grid(tmp_path / "runs"), made_up(tmp_path / "runs", "mine", 1, f"{my_idea}.{name}")]
    usual = ["Grid ViT + PU (EgoTAP)", "control: Grid ViT, other seed"]
    assert propagation_panels(draw(conditions(runs), tmp_path)) == [usual]
    assert propagation_panels(draw(conditions(runs), tmp_path, [my_idea])) == [[usual[0], "mine", usual[1]]]


def test_of_many_propagations_the_users_own_are_drawn_and_the_others_named(my_idea: str, tmp_path: Path) -> None:
    names = {"pu": "Pu", "concat": "Concat", "alter": "Alter", "lstm": "Lstm"}
    runs = [made_up(tmp_path / "runs", "table2/grid_vit")]
    runs += [made_up(tmp_path / "runs", f"table2/grid_vit_{k}", 1, f"{name}Propagation") for k, name in names.items()]
    runs += [made_up(tmp_path / "runs", f"mine/{k}", 1, f"{my_idea}.{k}") for k in ("MyPu", "MyOwn")]
    drawn = draw(conditions(runs), tmp_path, [my_idea])
    ((*panels,),) = propagation_panels(drawn)
    assert panels == [f"Grid ViT + {k}" for k in ("PU (EgoTAP)", "LSTM RF Concat", "LSTM RF Alter")] + ["MyOwn", "MyPu"]
    (caption,) = [figure.caption for figure in drawn.illustrations if figure.name.startswith("propagation")]
    assert "Not drawn: Grid ViT + LSTM. " in caption


def test_an_encoder_of_the_users_own_is_compared_with_itself_or_else_with_grid_vit(
    my_idea: str, tmp_path: Path
) -> None:
    own: dict[str, Any] = {"encoder": f"{my_idea}.MyViT"}
    runs = [*grid(tmp_path / "runs"), made_up(tmp_path / "runs", "mine_pu", 1, "PuPropagation", **own)]
    drawn = draw(conditions(runs), tmp_path, [my_idea])
    assert propagation_panels(drawn) == [["Grid ViT + PU (EgoTAP)", "mine_pu", "control: Grid ViT, other seed"]]
    (caption,) = [figure.caption for figure in drawn.illustrations if figure.name.startswith("propagation")]
    assert "mine_pu has another encoder" in caption
    runs.append(made_up(tmp_path / "runs", "mine", 1, f"{my_idea}.MyNone", **own))
    drawn = draw(conditions(runs), tmp_path, [my_idea])
    assert sorted(propagation_panels(drawn)) == [
        ["Grid ViT + PU (EgoTAP)", "control: Grid ViT, other seed"],
        ["mine_pu"],
    ]
    assert not any("another encoder" in figure.caption for figure in drawn.illustrations)


def test_heatmaps_are_true_by_the_class_of_their_source(my_idea: str, tmp_path: Path) -> None:
    (tmp_path / "module" / "my_heatmaps.py").write_text(
        "from egotap_pl.tasks.heatmap_sources import EstimatedHeatmaps, TrueHeatmaps\n"
        "class Mine(TrueHeatmaps): pass\n"
        "class TrueHeatmaps(EstimatedHeatmaps): pass\n"
    )
    for name, expected in (("Mine", "true"), ("TrueHeatmaps", "estimated")):
        run = made_up(tmp_path / name, "table2/cnn")
        settings = {**run.settings, "heatmaps": {"source": {"_target_": f"my_heatmaps.{name}"}}}
        assert parts_of(Run(run.folder, settings, run.metrics), ["my_heatmaps"]).heatmaps_name == expected


def test_poses_of_the_device_are_relative_to_the_headset(tmp_path: Path) -> None:
    run = made_up(tmp_path, "table2/cnn")
    for target in ("egotap_pl.data.unrealego.Device", "egotap_pl.data.unrealego.source.Device"):
        settings = {**run.settings, "data": {"source": {"origin": {"_target_": target}}}}
        assert parts_of(Run(run.folder, settings, run.metrics), ()).is_relative_to_device
    assert not parts_of(run, ()).is_relative_to_device


def test_camera_relative_poses_have_a_figure_of_their_own(tmp_path: Path) -> None:
    drawn = draw(conditions(grid(tmp_path) + grid(tmp_path, skeleton=egocap())), tmp_path)
    titles = [figure.title for figure in drawn.illustrations if figure.name.startswith("propagation")]
    assert [("pelvis" in title, "left camera" in title) for title in titles] == [(True, False), (False, True)]


def test_a_skeleton_without_limbs_between_estimated_joints(tmp_path: Path) -> None:
    star = Skeleton("star", ("camera", "head", "left_hand", "right_hand"), (0, 0, 0, 0), estimates_root=False)
    drawn = draw(conditions(grid(tmp_path, skeleton=star)), tmp_path)
    assert any("no limbs between joints that are known and estimated" in line for line in drawn.missing)
    assert not any(line.startswith("figure") or "Error" in line for line in drawn.missing)
    assert "comparison" in drawn.illustrations[0].name
    assert not any(figure.name.startswith("propagation") for figure in drawn.illustrations)


def test_propagation_is_not_compared_across_kinds_of_heatmaps(tmp_path: Path) -> None:
    runs = [
        made_up(tmp_path, "table2/grid_vit"),
        made_up(tmp_path, "propagation/pu_tree_aligned", 1, "PuPropagation", "true"),
    ]
    drawn = draw(conditions(runs), tmp_path)
    assert not any(figure.name.startswith("propagation") for figure in drawn.illustrations)
    assert any("experiment=table2/grid_vit" in line and "heatmaps=truth" in line for line in drawn.missing)


def test_runs_that_cannot_be_read_or_are_of_other_frames_are_told(tmp_path: Path) -> None:
    runs = grid(tmp_path)
    (runs[0].folder / "predictions.h5").unlink()
    other = made_up(tmp_path, "table2/cnn", frames=FRAMES - 3)
    drawn = draw(conditions([*runs, other]), tmp_path)
    assert any("table2/grid_vit, seed 1" in line and "predictions" in line for line in drawn.missing)
    assert any("table2/cnn" in line and "other frames" in line for line in drawn.missing)
    assert not any("CNN" in figure.caption for figure in drawn.illustrations)


def test_predictions_that_are_not_finite_are_told_and_not_drawn(tmp_path: Path) -> None:
    runs = grid(tmp_path)
    with h5py.File(runs[0].folder / "predictions.h5", "a") as file:
        file["pose_cm"][0, 0, 0] = np.nan
    drawn = draw(conditions(runs), tmp_path)
    assert any("table2/grid_vit, seed 1" in line and "not finite" in line for line in drawn.missing)
    assert len(drawn.illustrations) == 5


def test_a_figure_that_fails_costs_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_: object) -> None:
        raise EgotapError("the pen is dry")

    monkeypatch.setattr("egotap_pl.report.illustrations.all.depth_illustration", failing)
    drawn = draw(conditions(grid(tmp_path)), tmp_path)
    assert "Error along the tree (Table 2, egosynth, scale=tiny): the pen is dry" in drawn.missing
    assert len(drawn.illustrations) == 4


def test_a_damaged_frame_store_costs_a_line_and_the_images(tmp_path: Path) -> None:
    made_data = tmp_path / "data" / "egosynth"
    made_data.mkdir(parents=True)
    (made_data / "test.h5").write_bytes(b"not HDF5")
    drawn = draw(conditions(grid(tmp_path)), tmp_path / "data")
    assert len(drawn.illustrations) == 5
    assert len([line for line in drawn.missing if line.startswith("Images and heatmaps")]) == 1


def test_dollars_in_names_are_no_formulas(tmp_path: Path) -> None:
    runs = [made_up(tmp_path, name, 1, p) for name, p in (("$\\frac$", "NoPropagation"), ("$^$", "PuPropagation"))]
    drawn = draw(conditions(runs), tmp_path)
    assert len(drawn.illustrations) == 5
    for illustration in drawn.illustrations:
        illustration.figure.draw_without_rendering()


def test_promised_errors_are_drawn_of_the_methods_that_have_them(tmp_path: Path) -> None:
    runs = grid(tmp_path)
    predictions = runs[2].predictions
    promised_cm = (predictions.error_mm / 10 + 0.5).astype(np.float32)  # 5 mm too much, everywhere
    replace(predictions, expected_error_cm=promised_cm).write(runs[2].folder / "predictions.h5")
    again = [Run(run.folder, run.settings, run.metrics) for run in runs]
    drawn = {figure.name: figure for figure in draw(conditions(again), tmp_path).illustrations}
    figure = drawn["calibration_table2_egosynth_tiny"]
    assert "5.0 mm" in figure.caption
    diagonal, curve = figure.figure.axes[0].lines
    np.testing.assert_allclose(np.subtract(*curve.get_data()), 5, atol=1e-3)
    np.testing.assert_array_equal(*diagonal.get_data())


def test_data_that_do_not_tell_of_visibility(tmp_path: Path) -> None:
    drawn = draw(conditions([made_up(tmp_path, "table2/grid_vit", known=False)]), tmp_path)
    assert not any(figure.name.startswith("visibility") for figure in drawn.illustrations)
    assert any("does not say what the cameras see" in line for line in drawn.missing)


def test_one_state_of_visibility_is_named_once_with_the_number_of_motions(tmp_path: Path) -> None:
    run = made_up(tmp_path, "table2/grid_vit")
    shown = replace(run.predictions, visibility=np.full_like(run.predictions.visibility, Visibility.VISIBLE))
    shown.write(run.folder / "predictions.h5")
    drawn = draw(conditions([Run(run.folder, run.settings, run.metrics)]), tmp_path)
    (figure,) = (figure for figure in drawn.illustrations if figure.name.startswith("visibility"))
    assert figure.caption.count("visible in both views") == 1
    motions = len(set(shown.motion))
    assert f"by bootstrap over {motions} test motions" in figure.caption
    assert ("intervals over so few are too narrow" in figure.caption) == (motions < 10)


def test_nothing_makes_nothing(tmp_path: Path) -> None:
    assert draw([], tmp_path) == ([], [])


def test_one_preset_in_several_configurations_is_an_ablation(tmp_path: Path) -> None:
    runs = [made_up(tmp_path, "table2/grid_vit", seed, epochs=epochs) for seed in (2, 1) for epochs in (12, 9)]
    found = studies_of(conditions(runs))
    assert not any(each.studies for each in found.conditions)
    (study,) = found.ablations
    assert [method.name for method in study.methods] == ["epochs=9", "epochs=12"]
    assert all(method.seeds == (1, 2) for method in study.methods)
    names = [figure.name for figure in draw(conditions(runs), tmp_path).illustrations]
    assert "visibility_ablation_table2_grid_vit_egosynth_tiny" in names


def test_what_tables_show_is_no_ablation_of_its_own(tmp_path: Path) -> None:
    """Tables of true and of estimated heatmaps have figures of their own, without a third for every row."""
    rows = ("table1/unrealego", "table1/ego3dpose")
    runs = [made_up(tmp_path, name, maps=maps) for name in rows for maps in SOURCES]
    found = studies_of(conditions(runs))
    assert [study.table for study, _ in found.every] == ["table1", "table1"]


def test_methods_stand_in_the_papers_order(tmp_path: Path) -> None:
    runs = [made_up(tmp_path, name) for name in ("table2/own", "table2/grid_vit_pu", "table2/cnn")]
    (each,) = studies_of(conditions(runs)).conditions
    assert [(study.title, [method.name for method in study.methods]) for study in each.studies] == [
        ("Table 2, egosynth, scale=tiny", ["CNN", "+ PU (EgoTAP)", "own"]),
    ]


def test_a_configuration_is_in_every_table_that_has_it(tmp_path: Path) -> None:
    runs = [made_up(tmp_path, name) for name in ("table1/ego3dpose", "table2/cnn", "table2/grid_vit_pu")]
    found = studies_of(conditions(runs, ("table2/grid_vit_pu", "table1/egotap")))
    names = {study.table: [method.name for method in study.methods] for study, _ in found.every}
    assert names == {"table1": ["Ego3DPose", "EgoTAP"], "table2": ["CNN", "+ PU (EgoTAP)"]}
    assert sorted(method.name for method in found.conditions[0].methods) == ["CNN", "Ego3DPose", "EgoTAP"]
    (first,) = found.per_data_set()
    assert first.table == "table1"


@pytest.mark.parametrize("seeds", [(1, 2), (3,)])
def test_gain_is_over_common_seeds_if_there_are_any(tmp_path: Path, seeds: tuple[int, ...]) -> None:
    runs = [made_up(tmp_path, "table2/grid_vit_pu", seed, "PuPropagation") for seed in seeds]
    runs += [made_up(tmp_path, "table2/grid_vit", seed) for seed in (2, 4)]
    other, ours = studies_of(conditions(runs)).conditions[0].methods
    errors = {run.seed: run.predictions.error_mm for run in other.runs}
    expected = errors[2] - ours.runs[1].predictions.error_mm if len(seeds) == 2 else other.error_mm - ours.error_mm
    np.testing.assert_allclose(ours.gain_mm(other), expected)


def test_two_data_sets_of_one_name_have_files_of_their_own(tmp_path: Path) -> None:
    runs = [made_up(tmp_path, "table2/grid_vit", data=data) for data in ("", "another")]
    names = [figure.name for figure in draw(conditions(runs), tmp_path).illustrations]
    assert len(names) == len(set(names)) == 8
    assert "comparison_egosynth_2" in names
