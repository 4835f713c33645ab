"""A search with Optuna: what is proposed, what happens after a failure or an interruption, and what decides."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from unittest import mock

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.utils import JobReturn, JobStatus
from smoke import LIFTER, Run

from egotap_pl.cli.grids.search import Search, check_search, search
from egotap_pl.cli.grids.space import Space, space_of
from egotap_pl.core.errors import EgotapError
from egotap_pl.core.messages import RESULT
from egotap_pl.engine.runs.folders import check_name
from egotap_pl.engine.runs.results import best_validation

optuna = pytest.importorskip("optuna")
RANDOM = {"_target_": "optuna.samplers.RandomSampler", "_partial_": True}


def space(*overrides: str) -> Space:
    return space_of(OverridesParser.create().parse_overrides(list(overrides)))


def look(folder: Path, answer: Callable[[dict[str, str]], float], trials: int, *overrides: str) -> list[dict[str, str]]:
    """Search with a function instead of a training. Returns the overrides of every job."""
    seen: list[dict[str, str]] = []

    def run(jobs: Sequence[Sequence[str]], first: int) -> list[JobReturn]:
        returns = []
        for job in jobs:
            seen.append(dict(word.split("=", 1) for word in job))
            result = JobReturn()
            try:
                result.return_value, result.status = answer(seen[-1]), JobStatus.COMPLETED
            except Exception as error:
                result.return_value, result.status = error, JobStatus.FAILED
            returns.append(result)
        return returns

    search(Search("s", trials, RANDOM, 0, folder, run), OverridesParser.create().parse_overrides(list(overrides)))
    return seen


def distance(job: dict[str, str]) -> float:
    return (float(job["x"]) - 3) ** 2


def test_hydras_grammar_becomes_distributions() -> None:
    result = space("a=interval(0.1,1)", "b=tag(log,interval(1e-4,1e-2))", "c=int(interval(1,5))", "d=choice(x,[1,2])")
    assert result.searched["a"] == optuna.distributions.FloatDistribution(0.1, 1)
    assert result.searched["b"] == optuna.distributions.FloatDistribution(1e-4, 1e-2, log=True)
    assert result.searched["c"] == optuna.distributions.IntDistribution(1, 5)
    assert result.searched["d"] == optuna.distributions.CategoricalDistribution(["x", "[1,2]"])
    result = space("a=range(1,6,2)", "b=range(0.5,2,0.5)", "seed=1,2", "e=7", "a=range(1,4)")
    assert result.searched["a"] == optuna.distributions.IntDistribution(1, 3), "the last of a key counts"
    assert result.searched["b"] == optuna.distributions.CategoricalDistribution(["0.5", "1.0", "1.5"])
    assert result.repeated == {"seed": ["1", "2"]}
    assert result.fixed == ["e=7"]


def test_trials_that_are_repeated_with_parts_have_names_of_folders(tmp_path: Path) -> None:
    jobs = look(tmp_path, distance, 1, "x=interval(0.0,10.0)", "lifter/encoder=cnn,rays", "experiment=table2/cnn,a")
    names = [job["name"].strip("'") for job in jobs]
    assert len(set(names)) == 4
    for name in names:
        check_name(name)


@pytest.mark.parametrize("wrong", [("seed=1,2",), ("a=interval(2,1)",), ("a=tag(log,interval(0.0,1.0))",)])
def test_what_cannot_be_searched_is_refused(wrong: tuple[str, ...]) -> None:
    with pytest.raises(EgotapError):
        space(*wrong)


def test_the_best_is_found_and_written(tmp_path: Path) -> None:
    jobs = look(tmp_path, distance, 12, "x=interval(0.0,10.0)", "fixed=1")
    best = min(jobs, key=distance)
    written = json.loads((tmp_path / "best.json").read_text())
    assert written["overrides"] == ["fixed=1", f"x={best['x']}"]
    assert written["validation"] == pytest.approx(distance(best))
    assert best["name"] == f"'s-{written['trial']:04d}'"


def test_the_table_of_the_best_trials_folds_no_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keys = [f"training.task.optimizer.a_rather_long_name_{n}" for n in range(6)]
    jobs = look(tmp_path, lambda job: float(job["x"]), 6, "x=interval(1,9)", *(f"{key}=range(1,9)" for key in keys))
    with mock.patch.object(RESULT, "_width", 80):
        look(tmp_path, distance, 6, "x=interval(1,9)", *(f"{key}=range(1,9)" for key in keys))
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    best = sorted(jobs, key=lambda job: float(job["x"]))[:5]
    for key in keys:
        assert [key.rpartition(".")[-1], *(job[key] for job in best)] in lines


def test_what_is_repeated_is_averaged(tmp_path: Path) -> None:
    jobs = look(tmp_path, lambda job: float(job["seed"]), 2, "x=choice(1,2)", "seed=1,4")
    assert [job["seed"] for job in jobs] == ["1", "4"] * 2
    assert len({job["name"] for job in jobs}) == 4
    assert json.loads((tmp_path / "best.json").read_text())["validation"] == 2.5


def test_run_again_only_missing_trials_run_and_new_ones_are_proposed(tmp_path: Path) -> None:
    first = look(tmp_path, distance, 4, "x=interval(0.0,10.0)")
    assert look(tmp_path, distance, 4, "x=interval(0.0,10.0)") == []
    more = look(tmp_path, distance, 7, "x=interval(0.0,10.0)", "logger=wandb")
    assert (len(first), len(more)) == (4, 3)
    assert not {job["x"] for job in first} & {job["x"] for job in more}


def test_a_failed_trial_counts_and_the_search_continues(tmp_path: Path) -> None:
    failing = iter([True, False, True])

    def answer(job: dict[str, str]) -> float:
        if next(failing):
            raise EgotapError("does not fit together")
        return math.pi

    assert len(look(tmp_path, answer, 3, "x=choice(1,2)")) == 3
    assert json.loads((tmp_path / "best.json").read_text())["validation"] == math.pi
    assert look(tmp_path, distance, 3, "x=choice(1,2)") == []


def test_without_any_success_the_message_has_the_reason(tmp_path: Path) -> None:
    with pytest.raises(EgotapError, match="nan"):
        look(tmp_path, lambda job: math.nan, 2, "x=choice(1,2)")


def test_an_interrupted_trial_is_repeated_first(tmp_path: Path) -> None:
    jobs: list[dict[str, str]] = []

    def stop(job: dict[str, str]) -> float:
        jobs.append(job)
        if len(jobs) == 2:
            raise KeyboardInterrupt
        return 1.0

    with pytest.raises(KeyboardInterrupt):
        look(tmp_path, stop, 4, "x=interval(0.0,10.0)")
    rest = look(tmp_path, distance, 4, "x=interval(0.0,10.0)")
    assert len(rest) == 3
    assert rest[0] == jobs[1], "with the same overrides and in the same folder, so that its training resumes"


def test_a_study_of_other_overrides_is_refused(tmp_path: Path) -> None:
    look(tmp_path, distance, 1, "x=interval(0.0,10.0)", "data=egosynth")
    with pytest.raises(EgotapError, match="fixed"):
        look(tmp_path, distance, 2, "x=interval(0.0,10.0)", "data=unrealego")


def test_a_typing_error_leaves_the_name_free(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        look(tmp_path, _interrupted, 2, "x=interval(0.0,10.0)", "dta=egosynth")
    assert len(look(tmp_path, distance, 2, "x=interval(0.0,10.0)", "data=egosynth")) == 2


def _interrupted(job: dict[str, str]) -> float:
    raise KeyboardInterrupt


def test_what_all_trials_have_in_common_is_checked_before_the_first(home: Path, run: Run) -> None:
    own = ("lifter/propagation=none", "lifter.propagation._target_=own_parts.Wide")
    ended = run("train", "sweep=optuna", *LIFTER, *own, "hydra.sweeper.study=wide", "paths.runs=unsearched", ok=False)
    assert "lifter: a trial step failed" in ended.err
    assert "trial 1 of" not in ended.err
    assert not (home / "unsearched" / "sweeps" / "wide" / "study.journal").exists()


@pytest.mark.parametrize("wrong", ["trials=0", "trials=many", "trials=2.5", "study=mine/again"])
def test_settings_that_a_search_cannot_use_are_refused_before_it_has_a_folder(wrong: str, home: Path, run: Run) -> None:
    ended = run("train", "sweep=optuna", *LIFTER, f"hydra.sweeper.{wrong}", "paths.runs=unsearchable", ok=False)
    assert f"hydra.sweeper.{wrong.partition('=')[0]}=" in ended.err
    assert "must be" in ended.err
    assert "Traceback" not in ended.err
    assert not (home / "unsearchable").exists()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("sampler._target_=optuna.samplers.NoSampler", "sampler._target_=optuna.samplers.NoSampler cannot be imported"),
        ("sampler.n_startups=3", None),  # Hydra's own message about a key that does not exist
        ("sampler=null", "sampler=None: must be a mapping that names a class"),
        ("sampler._target_=optuna.samplers.RandomSampler", "sampler.n_startup_trials: unknown argument of"),
        ("sampler.n_startup_trials=many", "sampler.n_startup_trials=many: must be a whole number (optuna"),
    ],
)
def test_a_sampler_that_cannot_be_made_is_refused(wrong: str, message: str | None, home: Path, run: Run) -> None:
    ended = run("train", "sweep=optuna", *LIFTER, f"hydra.sweeper.{wrong}", "paths.runs=no_sampler", ok=False)
    assert (f"egotap: hydra.sweeper.{message}" if message else "n_startup") in ended.err
    assert "Traceback" not in ended.err
    assert not (home / "no_sampler").exists()


def test_a_value_that_a_sampler_refuses_is_named() -> None:
    sampler = {"_target_": "optuna.samplers.NSGAIISampler", "_partial_": True, "population_size": 1}
    with pytest.raises(EgotapError, match=r"hydra.sweeper.sampler: optuna.samplers.NSGAIISampler: .population_size."):
        check_search("study", 1, sampler)


@pytest.mark.parametrize("nothing", ["~hydra.sweeper.params", "hydra.sweeper.params=null"])
def test_a_search_without_sweeps_names_the_lists_that_are_none(nothing: str, run: Run) -> None:
    ended = run("train", "sweep=optuna", *LIFTER, nothing, "lifter/encoder=cnn,grid_vit", ok=False)
    assert "nothing to search" in ended.err
    assert "plain list: lifter/encoder=cnn,grid_vit" in ended.err
    assert "choice(" in ended.err


@pytest.mark.slow
def test_a_search_selects_by_validation(home: Path, run: Run) -> None:
    command = ("train", "sweep=optuna", *LIFTER, "hydra.sweeper.study=tiny", "paths.runs=searched")
    ended = run(*command, "hydra.sweeper.trials=2")
    best = json.loads((home / "searched" / "sweeps" / "tiny" / "best.json").read_text())
    errors = {
        folder.parent.name: best_validation(folder.parent, "validation/mpjpe")
        for folder in (home / "searched" / "custom").rglob("metrics.json")
    }
    assert sorted(errors) == ["tiny-0000", "tiny-0001"]
    assert best["validation"] == min(errors.values())
    assert errors[f"tiny-{best['trial']:04d}"] == best["validation"]
    for override in best["overrides"]:
        assert override in ended.out
    again = run(*command, "hydra.sweeper.trials=2")
    assert "trial 1 of" not in again.err
