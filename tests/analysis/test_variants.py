"""Runs put together: what counts as the same, and what is never mixed."""

from __future__ import annotations

from pathlib import Path

from egotap_pl.analysis.runs import Run
from egotap_pl.analysis.variants import IdentifiedRun, group


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


def test_names_of_files_stay_short() -> None:
    changes = tuple((f"key{k}", "value/with (signs)") for k in range(20))
    slug = group([identified(run("a", 1), "k", "a", changes=changes)])[0].slug
    assert len(slug) < 100
    assert not set(slug) - set("abcdefghijklmnopqrstuvwxyz0123456789-_.")
