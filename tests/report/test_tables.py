"""Tables against the numbers that they are made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from egotap_pl.analysis.comparison import ErrorReader
from egotap_pl.analysis.variants import Condition, IdentifiedRun, ablations, group
from egotap_pl.core.errors import EgotapError
from egotap_pl.report.paper import experiments_dir, read_paper_table
from egotap_pl.report.tables.ablation import ablation_tables
from egotap_pl.report.tables.breakdown import breakdown_tables
from egotap_pl.report.tables.differences import differences_table
from egotap_pl.report.tables.factorial import RELEASED, factorial_tables
from egotap_pl.report.tables.overview import runs_table
from egotap_pl.report.tables.results import results_table
from egotap_pl.report.tables.sections import ablation_sections, section

MOTION = ("a", "a", "b", "b", "c", "d")
PAPER = {k: read_paper_table(experiments_dir() / f"table{k}" / "paper.csv") for k in (1, 2, 3)}


def condition(
    runs: Sequence, *changes: tuple[str, str], aliases: dict[str, tuple[str, ...]] | None = None
) -> Condition:
    identified = [
        IdentifiedRun(
            run, run.experiment, (run.experiment, *(aliases or {}).get(run.experiment, ())), "tiny", changes, ()
        )
        for run in runs
    ]
    (found,) = group(identified)
    return found


def column(table: Any, name: str) -> dict[Any, Any]:
    k = table.columns.index(name)
    return {row[0].text: row[k] for row in table.rows}


def test_the_papers_numbers() -> None:
    """Table 1 and 2 share their first and last row; the paper's claims follow from the numbers."""
    values = {row.preset: row.values for table in PAPER.values() for row in table.rows}
    key = ("unrealego", "mpjpe")
    assert values["table1/egotap"] == values["table2/grid_vit_pu"]
    assert values["table1/unrealego"] == values["table2/cnn"]
    assert 1 - values["table1/egotap"][key] / values["table1/ego3dpose"][key] == pytest.approx(0.239, abs=5e-4)
    assert 1 - values["table2/grid_vit_pu"][key] / values["table2/grid_vit"][key] == pytest.approx(0.163, abs=5e-4)
    assert 1 - values["table2/grid_vit_concat"][key] / values["table2/grid_vit"][key] == pytest.approx(0.087, abs=5e-4)
    egocap = ("egocap", "mpjpe")
    assert 1 - values["table2/grid_vit_pu"][egocap] / values["table2/grid_vit"][egocap] == pytest.approx(
        0.134, abs=5e-4
    )
    assert ("egocap", "pa_mpjpe") not in values["table1/egoglass"]
    assert [row.values.get(("unrealego", "mse")) for row in PAPER[3].rows] == [5.45e-4, 4.84e-4, None, 1.68e-4]


@pytest.mark.parametrize("text", ["", "preset,row\n", "preset,row,unrealego_mpjpe\na,b,c\n"])
def test_a_damaged_paper_table_is_named(text: str, tmp_path: Path) -> None:
    path = tmp_path / "paper.csv"
    path.write_text(text)
    with pytest.raises(EgotapError, match=r"paper\.csv"):
        read_paper_table(path)


def test_results_beside_the_papers_and_what_is_missing(make_run) -> None:
    runs = [make_run("table2/cnn", seed, [100 + seed] * 6, MOTION) for seed in (1, 2, 3)]
    runs += [make_run("table2/grid_vit", seed, [90] * 6, MOTION) for seed in (1, 2)]
    table = results_table(PAPER[2], condition(runs, ("training.epochs", "6")))
    assert [row[0].text for row in table.rows] == [row.label for row in PAPER[2].rows]
    ours = column(table, "MPJPE (mm)")
    assert ours["CNN"].text == "102.0 ± 2.5"  # t(0.975, 2) / sqrt(3) = 2.484
    assert (ours["CNN"].low, ours["CNN"].high) == pytest.approx((99.516, 104.484), abs=1e-3)
    assert ours["Grid ViT"].best
    assert not ours["CNN"].best
    assert ours["Channel ViT"].text == "missing"
    assert column(table, "seeds")["CNN"].value == 3
    assert column(table, "paper, UnrealEgo (other data): MPJPE (mm)")["CNN"].value == 63.53
    assert column(table, "test frames/s")["CNN"].value == 3
    assert column(table, "parameters")["CNN"].text == "1,234,567"
    assert "not to be compared with ours" in table.caption
    assert "Missing: Channel ViT, Grid ViT + RF" in table.notes[0]
    assert "experiment=table2/channel_vit,table2/grid_vit_rf" in table.notes[0]
    assert "seed=1,2,3 training.epochs=6" in table.notes[0]
    assert table.notes[1].startswith("Grid ViT: seed 3 is missing. `egotap train experiment=table2/grid_vit ")
    assert table.facts["seeds"] == "1, 2, 3"
    assert table.facts["command"].startswith("`egotap train -m experiment=table2/cnn,table2/grid_vit data=egosynth")


def test_the_papers_own_condition_is_said_to_be_comparable(make_run) -> None:
    run = make_run("table1/egotap", 1, [41] * 6, MOTION, dataset="unrealego")
    (found,) = group([IdentifiedRun(run, "k", ("table1/egotap",), "paper", (), ())])
    table = results_table(PAPER[1], found)
    assert "paper, UnrealEgo: MPJPE (mm)" in table.columns
    assert "paper, EgoCap (other data): MPJPE (mm)" in table.columns
    assert "UnrealEgo are for the same protocol" in table.caption
    (changed,) = group([IdentifiedRun(run, "k", ("table1/egotap",), "paper", (("training.epochs", "3"),), ())])
    other = results_table(PAPER[1], changed)
    assert "paper, UnrealEgo (other data): MPJPE (mm)" in other.columns
    assert "not to be compared" in other.caption


def test_rebuilt_heatmaps(make_run) -> None:
    def probe(name: str, mse: float):
        run = make_run(name, 1, [1] * 6, MOTION, mse=mse)
        for key in ("mpjpe", "pa_mpjpe", "per_joint", "per_category"):
            del run.metrics[key]
        return run

    found = condition([probe("table3/zeros", 2e-3), probe("table3/cnn", 5e-4)])
    table = results_table(PAPER[3], found)
    assert column(table, "squared error (1e-4 per pixel)")["Zeros"].text == "20.00"
    assert column(runs_table([found]), "squared error (1e-4 per pixel)")["table3/cnn"].text == "5.00"
    assert column(table, "paper, UnrealEgo (other data): squared error (1e-4 per pixel)")["Zeros"].text == "5.45"
    assert differences_table(PAPER[3], found, ErrorReader()) is None
    assert breakdown_tables(PAPER[3], found) == []


def test_differences_say_which_is_better(make_run) -> None:
    generator = np.random.default_rng(0)
    errors = generator.uniform(50, 100, 6)
    runs = [make_run("table2/cnn", seed, errors, MOTION) for seed in (1, 2)]
    runs += [make_run("table2/grid_vit", seed, errors - 10, MOTION) for seed in (1, 2)]
    runs += [make_run("table2/grid_vit_pu", seed, errors - 10 - seed, MOTION) for seed in (1, 2)]
    table = differences_table(PAPER[2], condition(runs), ErrorReader())
    found = column(table, "MPJPE (mm): mean [over motions]")
    assert found["Grid ViT + PU (Ours) against Grid ViT"].text == "−1.50 [−1.50, −1.50]"
    seeds = column(table, "MPJPE [over seeds]")["Grid ViT + PU (Ours) against Grid ViT"]
    assert (seeds.low, seeds.high) == pytest.approx((-1.5 - 6.353, -1.5 + 6.353), abs=1e-2)  # t(0.975, 1) / 2
    assert found["Grid ViT against Channel ViT"].text == "missing"
    assert not table.notes
    label = "Grid ViT + PU (Ours) against Grid ViT"
    assert column(table, "change")[label].value == pytest.approx(-150 / (errors.mean() - 10), abs=1e-3)
    assert column(table, "paper's change, UnrealEgo")[label].text == "−16.3%"  # paper 4.3.2
    assert column(table, "paper's change, EgoCap")[label].text == "−13.4%"


def test_each_interval_of_a_difference_has_its_column(make_run) -> None:
    """The distances of the ends over motions and over seeds, added as squares, are those over both."""
    generator = np.random.default_rng(0)
    runs = [make_run("table1/unrealego", seed, [60.0] * 6, MOTION) for seed in (1, 2, 3)]
    runs += [make_run("table1/egotap", seed, 50 + generator.normal(size=6) + seed / 2, MOTION) for seed in (1, 2, 3)]
    table = differences_table(PAPER[1], condition(runs), ErrorReader())
    assert table.facts["training"].startswith("6.0 hours")
    for metric in ("MPJPE", "PA-MPJPE"):
        names = f"{metric} (mm): mean [over motions]", f"{metric} [over seeds]", f"{metric} [over both]"
        motions, seeds, both = (column(table, name)["EgoTAP (Ours) against UnrealEgo"] for name in names)
        mean = motions.value
        assert mean - both.low == pytest.approx(np.hypot(mean - motions.low, mean - seeds.low))
        assert both.high - mean == pytest.approx(np.hypot(motions.high - mean, seeds.high - mean))
    assert column(table, "MPJPE (mm): mean [over motions]")["EgoTAP (Ours) against UnrealEgo"].value != mean


def test_a_change_is_over_the_seeds_that_its_difference_is_over(make_run) -> None:
    """Over all seeds, the first would have a mean of 70 mm against 60 mm and look worse, though it is better."""
    runs = [make_run("table2/grid_vit", 1, [60.0] * 6, MOTION)]
    runs += [make_run("table2/grid_vit_pu", seed, [error] * 6, MOTION) for seed, error in ((1, 54.0), (2, 86.0))]
    table = differences_table(PAPER[2], condition(runs), ErrorReader())
    label = "Grid ViT + PU (Ours) against Grid ViT"
    assert column(table, "MPJPE (mm): mean [over motions]")[label].value == pytest.approx(-6, abs=1e-3)
    assert column(table, "change")[label].value == pytest.approx(-10, abs=1e-3)


def test_a_change_without_common_seeds_is_over_all_of_them(make_run) -> None:
    runs = [make_run("table2/grid_vit", 1, [60.0] * 6, MOTION)]
    runs += [make_run("table2/grid_vit_pu", seed, [error] * 6, MOTION) for seed, error in ((2, 54.0), (3, 60.0))]
    table = differences_table(PAPER[2], condition(runs), ErrorReader())
    assert column(table, "change")["Grid ViT + PU (Ours) against Grid ViT"].value == pytest.approx(-5, abs=1e-3)


def test_frames_that_differ_are_told_and_the_rest_is_compared(make_run) -> None:
    runs = [make_run("table1/unrealego", 1, [50] * 6, MOTION), make_run("table1/egotap", 1, [40] * 6, MOTION)]
    runs.append(make_run("table1/ego3dpose", 1, [45] * 6, ("a", "b", "c", "d", "e", "f")))
    table = differences_table(PAPER[1], condition(runs), ErrorReader())
    found = column(table, "MPJPE (mm): mean [over motions]")
    assert found["EgoTAP (Ours) against UnrealEgo"].value == pytest.approx(-10, abs=1e-3)
    assert found["EgoTAP (Ours) against Ego3DPose"].text == "missing"
    assert "other frames" in table.notes[0]


@pytest.mark.parametrize(("motions", "sentence"), [(1, "is only 1 motion:"), (2, "are only 2 motions:"), (10, "")])
def test_differences_name_the_number_of_motions_and_warn_of_few(make_run, motions: int, sentence: str) -> None:
    """Two motions from a normal distribution have its mean between them, and so in their interval, half of the time."""
    names = [f"motion {k // 2}" for k in range(2 * motions)]
    runs = [make_run(f"table1/{name}", 1, [50.0] * len(names), names) for name in ("unrealego", "egotap")]
    table = differences_table(PAPER[1], condition(runs), ErrorReader())
    assert table.facts["motions"] == str(motions)
    assert (" only " in table.caption) == bool(sentence)
    assert sentence in table.caption


def test_an_error_of_zero_has_no_relative_change(make_run) -> None:
    runs = [make_run("table1/unrealego", 1, [0.0] * 6, MOTION), make_run("table1/egotap", 1, [40.0] * 6, MOTION)]
    table = differences_table(PAPER[1], condition(runs), ErrorReader())
    assert column(table, "change")["EgoTAP (Ours) against UnrealEgo"].text == ""


def test_effects_of_a_made_up_experiment_are_found_again(make_run) -> None:
    """Errors built from known effects: unit -4, order +6, rows +30, order x rows -20, all three -3."""
    generator = np.random.default_rng(1)
    base = generator.uniform(80, 120, 6)
    runs = []
    for unit, order, rows, seed in product(("concat", "pu"), ("tree", "chain"), ("aligned", "shifted"), (1, 2)):
        u, o, r = (1 if level in ("pu", "chain", "shifted") else -1 for level in (unit, order, rows))
        error = base + seed + (-4 * u + 6 * o + 30 * r) / 2 - 20 * o * r / 4 - 3 * u * o * r / 8
        runs.append(make_run(f"propagation/{unit}_{order}_{rows}", seed, error, MOTION))
    cells, effects = factorial_tables(condition(runs), ErrorReader())
    assert len(cells.rows) == 8
    found = {row[0].text: row[1].value for row in effects.rows}
    expected = {
        RELEASED: -4 + 6 - 10,  # of both unit and order
        "main effect of unit (PU against Concat)": -4,
        "main effect of order (chain against tree)": 6,
        "main effect of rows (shifted against aligned)": 30,
        "interaction unit × order": 0,
        "interaction unit × rows": 0,
        "interaction order × rows": -20,
        "interaction unit × order × rows": -3,
        "PU against Concat: tree, aligned": -4 - 3 / 4,
        "chain against tree: PU, shifted": 6 - 10 - 3 / 4,
    }
    for label, value in expected.items():
        assert found[label] == pytest.approx(value, abs=1e-3), label


def test_per_category_and_joint(make_run) -> None:
    runs = [make_run("table1/unrealego", 1, [10, 20] * 3, MOTION), make_run("table1/egotap", 1, [30, 6] * 3, MOTION)]
    joints, categories, aligned = breakdown_tables(PAPER[1], condition(runs))
    assert len(joints.rows) == 16
    assert column(categories, "UnrealEgo")["walking"].value == 10
    assert column(categories, "UnrealEgo")["walking"].best
    assert column(categories, "EgoTAP (Ours)")["sitting"].best
    assert column(categories, "frames")["sitting"].value == 3
    assert "PA-MPJPE" in aligned.title


def test_a_run_that_was_tested_without_a_joint_has_no_error_for_it(make_run) -> None:
    runs = [make_run(name, 1, [10] * 6, MOTION) for name in ("table1/unrealego", "table1/egotap")]
    first = next(iter(runs[1].metrics["per_joint"]))
    del runs[1].metrics["per_joint"][first], runs[1].metrics["per_category"]["walking"]
    joints, categories, _ = breakdown_tables(PAPER[1], condition(runs))
    assert column(joints, "EgoTAP (Ours)")[first].text == "missing"
    assert column(joints, "UnrealEgo")[first].value == 10
    assert column(categories, "EgoTAP (Ours)")["walking"].text == "missing"
    assert column(categories, "EgoTAP (Ours)")["sitting"].value == 10
    runs.append(make_run("table1/egotap", 2, [12] * 6, MOTION))
    joints = breakdown_tables(PAPER[1], condition(runs))[0]
    assert column(joints, "EgoTAP (Ours)")[first].text == "12.0 (1 of 2 seeds)"


def test_a_joint_that_is_never_known_has_a_dash(make_run) -> None:
    run = make_run("table2/cnn", 1, (50.0, 60.0), ("a", "b"))
    run.metrics["per_joint"]["hand_l"] = None
    run.metrics["per_category"]["sitting"]["pa_mpjpe"] = None
    run.metrics["pa_mpjpe"] = None
    of_cnn = condition([run])
    joints, mpjpe, pa_mpjpe = breakdown_tables(PAPER[2], of_cnn)
    assert {row[0].text: row[1].text for row in joints.rows}["hand_l"] == "–"
    assert {row[0].text: row[1].text for row in pa_mpjpe.rows} == {"walking": "1.0", "sitting": "–"}
    assert "–" not in {row[1].text for row in mpjpe.rows}
    results = results_table(PAPER[2], of_cnn)
    texts = {row[0].text: [cell.text for cell in row[1:3]] for row in results.rows}
    assert texts["CNN"] == ["55.0", "–"]
    assert "–" in [cell.text for cell in runs_table([of_cnn]).rows[0]]


def test_a_condition_has_the_tables_that_were_wished_for(make_run) -> None:
    runs = [make_run("propagation/pu_tree_aligned", 1, [10] * 6, MOTION)]
    alias: dict[str, tuple[str, ...]] = {"propagation/pu_tree_aligned": ("table1/egotap", "table2/grid_vit_pu")}
    found = section(condition(runs, aliases=alias), list(PAPER.values()), ErrorReader())
    assert [table.name.split("_")[0] for table in found.main] == ["propagation", "propagation"]
    assert any("egotap train -m experiment=propagation/concat_tree_aligned," in line for line in found.missing)
    assert not any("Missing:" in line for line in found.missing)  # the report says so of the whole list
    other = section(condition([make_run("quickstart", 1, [9] * 6, MOTION)]), list(PAPER.values()), ErrorReader())
    assert [table.name.split("_")[0] for table in other.main] == ["variants"]


def test_every_run_is_listed(make_run) -> None:
    run = make_run("table1/egotap", 1, [10] * 6, MOTION)
    found = condition([run, replace(run)])
    table = runs_table([found])
    assert [row[table.columns.index("remark")].text for row in table.rows] == ["", "repeats another run: not counted"]
    assert table.rows[0][table.columns.index("folder")].text == str(run.folder)


def test_an_ablation_has_a_column_for_what_was_changed_and_differences_to_the_first(make_run) -> None:
    identified = []
    for depth, error_mm in (("12", 70), ("", 80), ("8", 75)):
        for seed in (1, 2):
            made = make_run(f"own/depth{depth}", seed, [error_mm + seed] * 6, MOTION)
            settings = {**made.settings, "lifter": {"depth": int(depth or 4)}}
            changes = (("lifter.depth", depth),) if depth else ()
            identified.append(IdentifiedRun(replace(made, settings=settings), depth, ("own",), "tiny", changes, ()))
    conditions = group(identified)
    means, differences = ablation_tables(ablations(conditions), ErrorReader())
    assert means.title == "Ablation of own (egosynth, scale=tiny)"
    assert means.columns[:2] == ("lifter.depth", "MPJPE (mm)")
    assert [[row[0].value, row[1].value, row[1].best] for row in means.rows] == [
        [4, 81.5, False],
        [8, 76.5, False],
        [12, 71.5, True],
    ]
    assert means.facts["command"].count("egotap train") == 3
    found = column(differences, "MPJPE (mm): mean [over motions]")
    assert {name: cell.value for name, cell in found.items()} == pytest.approx(
        {"depth=8 against depth=4": -5, "depth=12 against depth=4": -10}, abs=1e-3
    )
    (sections,) = ablation_sections(conditions, ErrorReader())
    assert [table.name for table in sections.main] == ["ablation_egosynth_tiny", "ablation_differences_egosynth_tiny"]
    assert all(not section(each, list(PAPER.values()), ErrorReader()).main for each in conditions)


@pytest.mark.parametrize(("number", "pairs"), [(1, 0), (3, 3), (6, 15), (7, 6)])
def test_variants_of_the_users_own_are_held_against_each_other(number: int, pairs: int, make_run) -> None:
    runs = [make_run(f"own/{k}", 1, [50 + k**2] * 6, MOTION) for k in range(number)]
    tables = {table.name: table for table in section(condition(runs), list(PAPER.values()), ErrorReader()).main}
    if not pairs:
        assert "variants_pairs_egosynth_tiny" not in tables
        return
    differences = column(tables["variants_pairs_egosynth_tiny"], "MPJPE (mm): mean [over motions]")
    assert len(differences) == pairs
    for label, cell in differences.items():
        one, other = (int(name) for name in label.split(" against "))
        assert one > other
        assert cell.value == pytest.approx(one**2 - other**2, abs=1e-3)


def test_a_part_of_the_users_own_is_held_against_the_tables_rows(make_run) -> None:
    runs = [make_run(name, 1, [error] * 6, MOTION) for name, error in (("table2/cnn", 90), ("table2/grid_vit", 80))]
    own = make_run("custom", 1, [70] * 6, MOTION)
    changes = (("lifter.propagation._target_", "mine.Sum"),)
    (found,) = group(
        [
            *(IdentifiedRun(run, run.experiment, (run.experiment,), "tiny", (), ()) for run in runs),
            IdentifiedRun(own, "own", ("table2/grid_vit",), "tiny", changes, ()),
        ]
    )
    tables = {table.name: table for table in section(found, list(PAPER.values()), ErrorReader()).main}
    assert column(tables["table2_egosynth_tiny"], "MPJPE (mm)")["Grid ViT"].value == 80  # not the user's own
    assert column(tables["variants_egosynth_tiny"], "MPJPE (mm)")["Sum"].value == 70
    differences = column(tables["variants_differences_egosynth_tiny"], "MPJPE (mm): mean [over motions]")
    assert {name: cell.value for name, cell in differences.items()} == pytest.approx(
        {"Sum against CNN": -20, "Sum against Grid ViT": -10}, abs=1e-3
    )
    command = tables["variants_differences_egosynth_tiny"].facts["command"]
    assert "lifter.propagation._target_=mine.Sum" in command
    assert "experiment=table2/cnn,table2/grid_vit" in command
