"""Run folders are found and read; what is damaged is named."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import hydra
import pytest
import yaml

from egotap_pl.cli.configuration.presets import Identifier
from egotap_pl.core.errors import EgotapError
from egotap_pl.engine.build import write_yaml
from egotap_pl.engine.runs.config import read_run_config
from egotap_pl.report.gather import gather

SETTINGS = {
    "seed": 1,
    "scale": {},
    "data": {"name": "egosynth", "source": {}},
    "heatmaps": {"estimators": []},
    "estimators": {},
    "training": {"seed": 1},
    "trainer": {"precision": "32-true"},
    "paths": {"runs": "runs"},
    "probe": {},
}
METRICS = {
    **dict.fromkeys(("mpjpe", "pa_mpjpe", "seconds", "test_seconds"), 1.0),
    **dict.fromkeys(("frames", "seed", "parameters"), 1),
    "per_joint": {},
    "per_category": {},
    **dict.fromkeys(("experiment", "dataset", "dataset_fingerprint", "device"), "x"),
    "split": "test",
}


def make(folder: Path, done: bool = True) -> Path:
    folder.mkdir(parents=True)
    (folder / "run.json").write_text("{}")
    write_yaml(folder / "config.yaml", SETTINGS)
    (folder / "metrics.json").write_text(json.dumps(METRICS))
    if done:
        (folder / "done.json").write_text("{}")
    return folder


def test_runs_at_any_depth_count_once(tmp_path: Path) -> None:
    one, other = make(tmp_path / "a" / "b" / "one"), make(tmp_path / "c")
    stage = make(tmp_path / "a" / "stage")
    (stage / "run.json").unlink()
    found = gather([tmp_path, tmp_path / "a", one])
    assert [run.folder for run in found.runs] == [one, other]
    assert found.missing == []


PLAIN = yaml.safe_dump(SETTINGS)
BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n" for before, name in pairwise("abcdefghij")
)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("config.yaml", PLAIN + "more: ${oc.env:HOME}\n"),
        ("config.yaml", PLAIN + BOMB),
        ("config.yaml", PLAIN + "more: " + "[" * 100_000),
        ("config.yaml", PLAIN + "more: " + "[" * 100_000 + "]" * 100_000),
        ("config.yaml", PLAIN + "more: " + "{a: " * 100_000 + "}" * 100_000),
        ("config.yaml", PLAIN + "more: [" + "1, " * 100_000 + "]"),
        ("config.yaml", PLAIN + "more: " + "x" * 2**21),
        ("config.yaml", PLAIN + "more: !!python/object/apply:os.getcwd []"),
        ("config.yaml", PLAIN + "more: 2001-02-30"),
        ("config.yaml", PLAIN + "more: 2001-02-03"),
        ("config.yaml", PLAIN + "more: !!binary aGk="),
        ("config.yaml", PLAIN + "more: {a: 1, 2: 3}"),
        ("config.yaml", yaml.safe_dump({**SETTINGS, "heatmaps": {"estimators": [["joint"]]}})),
        ("metrics.json", "[" * 100_000),
        ("metrics.json", '{"a":' * 100_000),
        ("metrics.json", json.dumps({**METRICS, "per_joint": {"head": "far"}})),
        ("metrics.json", json.dumps({**METRICS, "per_category": {"walking": {"mpjpe": None}}})),
        ("metrics.json", json.dumps({**METRICS, "per_category": {"walking": 1.0}})),
        ("metrics.json", json.dumps({**METRICS, "split": "train"})),
        ("metrics.json", json.dumps({**METRICS, "pck": "high"})),
        ("metrics.json", json.dumps({**METRICS, "per_visibility": 1.0})),
        ("metrics.json", json.dumps({**METRICS, "per_visibility": {"visible, visible": {"joints": 1}}})),
        ("metrics.json", json.dumps({**METRICS, "per_category": {"walking": {"mpjpe": 1.0, "pa_mpjpe": 1.0}}})),
        ("metrics.json", json.dumps({**{k: v for k, v in METRICS.items() if k != "mpjpe"}, "mse": 1, "zeros_mse": 1})),
        ("metrics.json", json.dumps({**METRICS, "experiment": "half a pair: \ud800"})),
        ("config.yaml", PLAIN + 'more: "\\uD800"'),
        ("metrics.json", json.dumps({**METRICS, "frames": 10**400})),
        ("config.yaml", "a: [1"),
        ("config.yaml", "- 1"),
        ("config.yaml", "seed: 1"),
        ("config.yaml", None),
        ("metrics.json", '{"mpjpe": 1'),
        ("metrics.json", "[]"),
        ("metrics.json", "{}"),
        ("metrics.json", json.dumps({**METRICS, "frames": "many"})),
        ("metrics.json", b"\xff\xfe\x00"),
        ("metrics.json", None),
    ],
)
def test_a_damaged_run_is_named_and_the_others_are_read(name: str, content: str | bytes | None, tmp_path: Path) -> None:
    good, bad, unfinished = make(tmp_path / "good"), make(tmp_path / "bad"), make(tmp_path / "unfinished", done=False)
    path = bad / name
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    found = gather([tmp_path])
    assert [run.folder for run in found.runs] == [good]
    assert len(found.missing) == 2
    assert str(bad) in found.missing[0]
    assert name in found.missing[0]
    assert str(unfinished) in found.missing[1]
    assert "not finished" in found.missing[1]


def test_one_line_says_what_is_wrong_and_nothing_of_the_environment_is_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EGOTAP_SECRET", "hidden-value")
    make(tmp_path / "good")
    for name, more in (("env", "more: ${oc.env:EGOTAP_SECRET}"), ("bomb", BOMB), ("deep", "more: " + "[" * 100_000)):
        (make(tmp_path / name) / "config.yaml").write_text(PLAIN + more + "\n")
    found = gather([tmp_path])
    assert len(found.runs) == 1
    assert [line.partition(":")[0] for line in found.missing] == [
        str(tmp_path / name) for name in ("bomb", "deep", "env")
    ]
    assert "aliases" in found.missing[0]
    assert "too deeply" in found.missing[1]
    assert "${oc.env:EGOTAP_SECRET}" in found.missing[2]
    for line in found.missing:
        assert "\n" not in line
        assert len(line) < 1000
        assert "hidden-value" not in line


def test_a_runs_own_configuration_comes_back_as_it_was(tmp_path: Path) -> None:
    values = [
        "2020-01-01",
        "1e-3",
        "1:30",
        "yes",
        "null",
        "0x10",
        "1_000",
        "",
        "~",
        " a",
        "a: b",
        "é",
        "#",
        "1.5",
        "[1]",
    ]
    numbers = [1e-05, 1e22, 1.0, 0.1, -3, 10**9, float("inf"), True, None]
    settings = {
        **SETTINGS,
        "name": "2020-01-01",
        "values": values,
        "numbers": numbers,
        "nested": {"a": {"b": [{}, []]}},
    }
    write_yaml(tmp_path / "config.yaml", settings)
    assert read_run_config(tmp_path / "config.yaml") == settings


def test_a_preset_or_data_set_of_a_run_is_a_name_and_not_an_override(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outside = tmp_path / "outside.yaml"
    outside.write_text("# @package _global_\nscale: {image_px: 1}\n")
    (make(tmp_path / "runs") / "metrics.json").write_text(
        json.dumps({**METRICS, "experiment": f"../../../../../../../..{outside.with_suffix('')}"})
    )
    composed = []
    compose = hydra.compose

    def recorded(verb: str, overrides: list[str]) -> object:
        composed.append(overrides)
        return compose(verb, overrides)

    monkeypatch.setattr("hydra.compose", recorded)
    (run,) = gather([tmp_path / "runs"]).runs
    list(Identifier(["quickstart"])([run]))
    for words in ("${oc.env:HOME}", "a,b", "quickstart\0", "glob(*)", "quickstart +hydra.run.dir=x", "[quickstart]"):
        list(Identifier(["quickstart"])([replace(run, metrics={**run.metrics, "experiment": words})]))
    assert {given[0] for given in composed} == {"experiment=quickstart"}


def test_a_training_that_went_wrong_is_not_counted(tmp_path: Path) -> None:
    make(tmp_path / "good")
    (make(tmp_path / "bad") / "metrics.json").write_text(json.dumps({**METRICS, "mpjpe": float("nan")}))
    found = gather([tmp_path])
    assert len(found.runs) == 1
    assert "mpjpe is nan" in found.missing[0]


def test_no_folder_and_no_run_are_said(tmp_path: Path) -> None:
    with pytest.raises(EgotapError, match="no such folder"):
        gather([tmp_path / "none"])
    with pytest.raises(EgotapError, match="no finished run"):
        gather([tmp_path])
    make(tmp_path / "begun", done=False)
    with pytest.raises(EgotapError, match=r"no finished run(.|\n)*begun: not finished"):
        gather([tmp_path])


@pytest.mark.parametrize(
    ("content", "choices"),
    [
        (
            '{"fingerprint": "f", "choices": {"scale": "tiny", "experiment": null}}',
            {"scale": "tiny", "experiment": None},
        ),
        ('{"fingerprint": "f"}', {}),
        ('{"choices": {"scale": 1, "data": "x"}}', {"data": "x"}),
        ('{"choices": ["scale"]}', {}),
        ("[" * 100_000, {}),
        ("", {}),
    ],
)
def test_what_a_run_was_started_with_is_read_where_it_was_recorded(
    content: str, choices: dict[str, str | None], tmp_path: Path
) -> None:
    (make(tmp_path / "run") / "run.json").write_text(content)
    (run,) = gather([tmp_path]).runs
    assert run.choices == choices
