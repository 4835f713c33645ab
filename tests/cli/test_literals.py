"""Paths and names mean what was typed, whatever characters they have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from smoke import Run

from egotap_pl import compose
from egotap_pl.cli.configuration.literals import LITERAL, quote_literals
from egotap_pl.core.errors import EgotapError
from egotap_pl.engine.runs.folders import folder_name

AWKWARD = (
    *("a=b,c=d/best.ckpt", "2024_07_24", "42", "1e3", "true", "nan", "/home/jürgen", "/数据", "bad/ünï", "x,y"),
    *("rec (1)", "[x]", "p(1)", "a#b", "&", "a;b", "it's", '"q', "'x", "{", "}", "a: b", " lead", "trail ", "a\nb"),
    *("a\\b", "a\\", "a\\'", "\\\\server\\share\\", "%d", "-x", "@x", "<>|?*!", "[", "a]", "$HOME", "glob(x)"),
    "~no-such-user/x",
)
IMPORT = {"import-weights": ("release=egotap",)}


def understood(word: str) -> Any:
    """What Hydra reads a word as."""
    return OverridesParser.create().parse_override(word).value()


@pytest.mark.parametrize("path", AWKWARD)
def test_hydra_reads_a_path_as_it_was_typed(path: str) -> None:
    (word,) = quote_literals([f"checkpoint={path}"])
    value = understood(word)
    assert getattr(value, "text", value) == path


@pytest.mark.parametrize("path", AWKWARD)
def test_a_quoted_word_is_not_quoted_again(path: str) -> None:
    word = quote_literals([f"checkpoint={path}"])
    assert quote_literals(word) == word


def test_the_home_folder_is_expanded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/jürgen")
    assert understood(quote_literals(["input=~/it's"])[0]) == "/home/jürgen/it's"
    assert understood(quote_literals(["input=[~/a,~]"])[0]) == ["/home/jürgen/a", "/home/jürgen"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["input=[left one,right=1]"], ["input=[left one,'right=1']"]),
        (["runs=[a=1,'b,c']"], ["runs=['a=1','b,c']"]),
        (["store=${paths.data}/a=b", "output=null", "name=", "seed=1,2"], None),
        (["trust=[egotap_pl,my_idea]", "-m", "experiment=glob(table2/*)"], None),
        (["-m", "store=choice(a,b)"], None),
        (["-m", "checkpoint=a=1,b=2"], ["-m", "checkpoint='a=1','b=2'"]),
        (["--multirun", "store=1,x", "name=1,x"], ["--multirun", "store='1',x", "name='1,x'"]),
        (["+output=7"], ["+output='7'"]),
    ],
)
def test_lists_grids_and_what_is_left_to_hydra(words: list[str], expected: list[str] | None) -> None:
    assert quote_literals(words) == (words if expected is None else expected)


def test_a_folder_whose_name_reads_as_a_list_or_a_grid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("[x]", "a,b"):
        (tmp_path / name).mkdir()
    assert quote_literals(["-m", "input=[x]", "checkpoint=a,b"]) == ["-m", "input='[x]'", "checkpoint='a,b'"]


def test_every_literal_key_exists(run: Run) -> None:
    verbs = dict.fromkeys(("train", "evaluate", "predict", "prepare", "report"), ())
    text = "".join(run(verb, *words, "--cfg", "all").out for verb, words in {**verbs, **IMPORT}.items())
    last_parts = {line.strip().partition(":")[0] for line in text.splitlines()}
    assert {key.rpartition(".")[2] for key in LITERAL} <= last_parts


def test_the_program_and_the_api_understand_the_same(home: Path, run: Run) -> None:
    words = ["name=42", "paths.runs=rec (1),x=y", "scale=smoke"]
    out = run("train", *words, "--cfg", "job").out
    settings = compose(*words)
    assert (settings.name, settings.paths.runs) == ("42", Path("rec (1),x=y"))
    assert "name: '42'" in out
    assert "runs: rec (1),x=y" in out
    assert "no such folder" in run("report", "runs=nö=such,folder (1)", "output=not-made", ok=False).err
    assert not (home / "not-made").exists()


@pytest.mark.parametrize("name", ["a/b", "..", ".hidden", "a\\b", "a\nb", "数" * 70])
def test_a_name_that_no_folder_can_have_is_refused(name: str) -> None:
    with pytest.raises(EgotapError, match="name="):
        compose("scale=smoke", f"name={name}")


def test_names_of_jobs_are_short_and_differ() -> None:
    long = [f"training.task.optimizer.{'数' * k}={k}" for k in range(1, 40)]
    names = [folder_name(long), folder_name([*long, "seed=1"]), folder_name(["seed=1"]), folder_name(["+a.b='x, y'"])]
    assert names[2:] == ["seed-1", "b-x-y"]
    assert len(set(names)) == 4
    assert str(names[1]).startswith("seed-1-")  # the last words remain
    assert str(folder_name(["seed=1", *long], ["seed"])).startswith("seed-1_")  # or those of the grid
    for name in names:
        assert name is not None
        assert len(name.encode()) <= 60
        assert not set(name) & set("=, '")
    assert folder_name(["experiment=table2/cnn", "data=egosynth", "logger=wandb", "hydra.sweep.dir=a"]) is None
