"""Groups of runs: which count as the same, and which are never mixed."""

from __future__ import annotations

import shlex
from pathlib import Path

from egotap_pl.analysis.runs import Run
from egotap_pl.analysis.variants import Condition, IdentifiedRun, ablations, group
from egotap_pl.report.names import display_name, display_names


def run(experiment: str, seed: int, folder: str = "", fingerprint: str = "f") -> Run:
    metrics = {"experiment": experiment, "dataset": "egosynth", "dataset_fingerprint": fingerprint}
    return Run(Path(folder or f"{experiment}/{seed}"), {"seed": seed}, metrics)


def identified(run: Run, key: str, *presets: str, scale: str = "tiny", changes=(), setup=()) -> IdentifiedRun:
    return IdentifiedRun(run, key, presets, scale, changes, setup)


def test_presets_of_the_same_configuration_are_one_variant() -> None:
    same = ("table1/egotap", "table2/grid_vit_pu")
    conditions = group(
        [
            identified(run("table2/grid_vit_pu", 1), "k", "table2/grid_vit_pu", "table1/egotap"),
            identified(run("table1/egotap", 2), "k", *same),
            identified(run("table1/egotap", 1), "k", *same),
            identified(run("table2/cnn", 1), "l", "table2/cnn"),
        ]
    )
    assert len(conditions) == 1
    one = conditions[0].by_preset["table1/egotap"]
    assert one is conditions[0].by_preset["table2/grid_vit_pu"]
    assert one.seeds == (1, 2)
    assert [str(run.folder) for run in one.repeated] == ["table2/grid_vit_pu/1"]  # the same seed counts once
    assert one.started_as == same
    assert len(conditions[0].variants) == 2


def test_conditions_are_not_mixed() -> None:
    runs = [
        identified(run("a", 1), "1", "a"),
        identified(run("a", 1, "2", fingerprint="g"), "2", "a"),
        identified(run("a", 1, "3"), "3", "a", scale="paper"),
        identified(run("a", 1, "4"), "4", "a", changes=(("training.epochs", "6"),)),
        identified(run("a", 1, "5"), "5", "a", changes=(("training.epochs", "7"),)),
        identified(run("b", 1), "6", "b", changes=(("training.epochs", "7"),)),
    ]
    conditions = group(runs)
    assert [len(condition.variants) for condition in conditions] == [2, 1, 1, 1, 1]  # those with most runs first
    assert conditions[0].title == "egosynth, scale=tiny, training.epochs=7"
    assert conditions[0].slug == "egosynth_tiny_epochs-7"


def test_commands_can_be_typed() -> None:
    changes = (("heatmaps", "truth"), ("lifter.head.rows", "[0,1]"), ("x", "~x"))
    condition = group([identified(run("a", 1), "k", "a", changes=changes, setup=("data.root=/d",))])[0]
    assert condition.command(["a", "b"], [1, 2]) == (
        "egotap train -m experiment=a,b data=egosynth scale=tiny seed=1,2 heatmaps=truth 'lifter.head.rows=[0,1]' ~x "
        "data.root=/d"
    )
    assert " -m " not in condition.command(["a"], [1])


def test_a_strangers_name_runs_nothing_in_a_command() -> None:
    name = "x'; touch y; '"
    condition = group([identified(run("a", 1), "k", "a", changes=(("key", name),))])[0]
    assert f"key={name}" in shlex.split(condition.command(["a"], [1]))


def test_names_of_files_stay_short() -> None:
    changes = tuple((f"key{k}", "value/with (signs)") for k in range(20))
    slug = group([identified(run("a", 1), "k", "a", changes=changes)])[0].slug
    assert len(slug) < 100
    assert not set(slug) - set("abcdefghijklmnopqrstuvwxyz0123456789-_.")


def under(changes: dict[str, str], *presets: str, **settings: object) -> list[IdentifiedRun]:
    """A run of each preset with the same changes."""
    runs = []
    for preset in presets:
        one = run(preset, 1, f"{preset}{changes}")
        one = Run(one.folder, {**one.settings, **settings}, one.metrics)
        runs.append(identified(one, f"{preset}{changes}", preset, changes=tuple(sorted(changes.items()))))
    return runs


def test_a_preset_under_several_conditions_is_an_ablation() -> None:
    runs = [
        *under({"lifter.depth": "12", "training.epochs": "6"}, "a"),
        *under({"lifter.depth": "8", "training.epochs": "6"}, "a", "b"),
        *under({"training.epochs": "6"}, "a", lifter={"depth": 4}),
    ]
    (ablation,) = ablations(group(runs))
    assert ablation.preset == "a"
    assert ablation.keys == ("lifter.depth",)  # all were trained for 6 epochs
    assert [ablation.label(*member) for member in ablation.members] == ["depth=4", "depth=8", "depth=12"]


def test_values_that_look_like_numbers_but_are_none_are_sorted_too() -> None:
    runs = [one for value in ("1.10.0", ".", "2", "10") for one in under({"tag": value}, "a")]
    (ablation,) = ablations(group(runs))
    assert [ablation.label(*member) for member in ablation.members] == ["tag=.", "tag=1.10.0", "tag=2", "tag=10"]


def test_keys_with_the_same_end_are_told_apart() -> None:
    runs = [*under({}, "a"), *under({"lifter.depth": "2"}, "a"), *under({"estimator.depth": "2"}, "a")]
    (ablation,) = ablations(group(runs))
    assert {ablation.label(*member) for member in ablation.members} == {
        "as it is",
        "lifter.depth=2",
        "estimator.depth=2",
    }


def test_data_of_one_name_have_titles_of_their_own() -> None:
    runs = [identified(run("a", 1, f, fingerprint=f * 64), f, "a") for f in ("0", "1")]
    runs.append(identified(run("a", 1, "2"), "2", "a", scale="paper"))
    assert {condition.title for condition in group(runs)} == {
        "egosynth, scale=tiny, data 00000000",
        "egosynth, scale=tiny, data 11111111",
        "egosynth, scale=paper",
    }


OWN = {"lifter.propagation._target_": "mine.Sum", "lifter.propagation.depth": "2", "training.epochs": "6"}


def test_a_users_own_class_stands_beside_the_presets_that_it_changes() -> None:
    runs = [
        *under(OWN, "table2/grid_vit"),
        *under({"training.epochs": "6"}, "table2/grid_vit", "table2/grid_vit_pu"),
        *under({"training.epochs": "7"}, "table2/grid_vit"),
    ]
    condition, _ = group(runs)
    assert condition.overrides == ("training.epochs=6",)
    names = {display_name(variant): variant for variant in condition.variants}
    assert set(names) == {"Grid ViT", "Sum, depth=2", "Grid ViT + PU (EgoTAP)"}
    own = names["Sum, depth=2"]
    assert condition.by_preset["table2/grid_vit"] is not own
    assert condition.command([own.name], own.seeds, own.changes) == (
        "egotap train experiment=table2/grid_vit data=egosynth scale=tiny seed=1 training.epochs=6 "
        "lifter.propagation._target_=mine.Sum lifter.propagation.depth=2"
    )


def test_a_users_own_class_alone_is_not_a_condition() -> None:
    (condition,) = group(under(OWN, "table2/grid_vit", "table2/cnn"))
    assert condition.overrides == ("training.epochs=6",)
    assert not condition.has_table(["table2/grid_vit", "table2/cnn"])  # neither as it is
    assert ablations([condition]) == []


def test_a_users_own_preset_keeps_its_name() -> None:
    (condition,) = group([identified(run("ideas/sum", 1), "k", "table2/grid_vit", changes=tuple(OWN.items()))])
    assert [display_name(variant) for variant in condition.variants] == ["sum"]


def test_variants_of_one_condition_have_names_of_their_own() -> None:
    own = [tuple({**OWN, "lifter.propagation._target_": f"mine.{name}"}.items()) for name in ("Sum", "Mean")]
    runs = [identified(run("ideas/own", 1, str(each)), str(each), "table2/cnn", changes=each) for each in own]
    runs += [identified(run(name, 1), name, name, changes=(("training.epochs", "6"),)) for name in ("x/b", "y/b")]
    (condition,) = group(runs)
    assert set(display_names(condition).values()) == {"own, Sum, depth=2", "own, Mean, depth=2", "x/b", "y/b"}


def test_other_data_and_scales_are_not_ablations() -> None:
    other = run("a", 1, fingerprint="g")
    runs = [
        *under({}, "a"),
        identified(other, "other data", "a"),
        identified(run("a", 1), "other scale", "a", scale="paper"),
    ]
    assert ablations(group(runs)) == []


def test_a_condition_has_a_table_if_its_presets_were_started_or_all_have_runs() -> None:
    rows = ("t/1", "t/2", "t/3", "t/4", "t/5")

    def has_table(*runs: IdentifiedRun) -> list[bool]:
        by_title: dict[str, Condition] = {condition.title: condition for condition in group(runs)}
        return [by_title[title].has_table(rows) for title in sorted(by_title)]

    assert has_table(*under({}, "t/1")) == [True]  # begun
    assert has_table(*under({}, "other")) == [False]
    assert has_table(identified(run("other", 1), "k", "other", "t/1")) == [False]  # the same configuration
    assert has_table(*under({}, "t/1"), *under({"x": "1"}, "t/1")) == [False, False]  # an ablation of one row
    assert has_table(*under({}, "t/1", "t/2", "t/3"), *under({"x": "1"}, "t/1")) == [True, False]
    assert has_table(*under({}, "t/1", "t/2"), *under({"x": "1"}, "t/1")) == [True, False]  # the table's, too
