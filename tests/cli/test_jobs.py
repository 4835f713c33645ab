"""A grid ends with a table of its jobs, whether they succeeded or not."""

from __future__ import annotations

import csv
import json
import shlex
from pathlib import Path

import pytest
from smoke import LIFTER, Run

from egotap_pl.core import locks
from egotap_pl.core.errors import EgotapError
from egotap_pl.engine.settings import Settings
from egotap_pl.engine.training import TrainResult


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def train_at_once(settings: Settings) -> TrainResult:
    """Replaces training by a run that ends at once, whose error is the seed. In batches of 8, it fails."""
    if settings.training.batch_size == 8:
        raise EgotapError("out of memory: training.batch_size=8")
    folder = settings.paths.runs / str(settings.name)
    folder.mkdir(parents=True, exist_ok=True)
    metrics = {
        **dict.fromkeys(("mpjpe", "pa_mpjpe", "mean_pose_mpjpe"), float(settings.seed)),
        "frames": 1,
        "per_joint": {},
        "per_category": {},
        "dataset": "egosynth",
    }
    (folder / "metrics.json").write_text(json.dumps(metrics))
    return TrainResult(folder, metrics, 0.0, folder / "poses.png")


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("egotap_pl.cli.train.train", train_at_once)


@pytest.mark.usefixtures("trained")
def test_jobs_that_failed_and_jobs_that_did_not(home: Path, run: Run) -> None:
    """Of each seed, one job fails with a mistake; the others run."""
    arguments = ("train", "-m", *LIFTER, "seed=51,54", "paths.runs=grid", "hydra.sweep.dir=grid/multirun/a")
    ended = run(*arguments, "training.batch_size=16,8", ok=False)
    sweep = home / "grid" / "multirun" / "a"
    jobs = rows(sweep / "jobs.csv")
    assert [job["status"] for job in jobs] == ["done", "failed"] * 2
    assert [job["seed"] for job in jobs] == ["51", "51", "54", "54"]
    for job in jobs:
        if job["status"] == "done":
            metrics = json.loads((home / job["run folder"] / "metrics.json").read_text())
            assert float(job["MPJPE (mm)"]) == metrics["mpjpe"] == float(job["seed"])
        else:
            assert "training.batch_size=8" in job["message"]
            assert job["MPJPE (mm)"] == ""
            assert "EgotapError" in (sweep / "jobs" / f"{job['job']}.log").read_text()
    means = rows(sweep / "grid.csv")
    assert [row["training.batch_size"] for row in means] == ["16", "8"]
    assert [row["seeds"] for row in means] == ["2", "0"]
    assert float(means[0]["MPJPE (mm)"]) == 52.5
    assert "4 jobs: scale=smoke heatmaps=truth" in ended.out
    assert "job 1 failed" in ended.out
    assert ended.status == 1
    assert ended.err.splitlines()[-1].startswith("egotap: ")
    run(*arguments)
    assert [job["status"] for job in rows(sweep / "jobs.csv")] == ["done", "done"]
    assert not (sweep / "jobs" / "3.json").exists()


@pytest.mark.usefixtures("trained")
def test_grids_of_the_same_time_have_folders_of_their_own(home: Path, run: Run) -> None:
    """Named by the year, all of them are. The records of one are neither deleted nor replaced by the next."""
    runs = "years, [1] = 'a'"
    for seed in ("51", "52", "53"):
        year = "hydra.sweep.dir=${paths.runs}/multirun/${now:%Y}"
        run("train", "-m", *LIFTER, f"seed={seed}", f"name=of-{seed}", f"paths.runs={runs}", year)
    folders = sorted((home / runs / "multirun").iterdir())
    assert [folder.name[4:] for folder in folders] == ["", "-2", "-3"]
    assert [[job["run folder"] for job in rows(folder / "jobs.csv")] for folder in folders] == [
        [f"{runs}/of-{seed}"] for seed in (51, 52, 53)
    ]


@pytest.mark.usefixtures("trained")
def test_a_second_grid_in_a_folder_that_is_in_use_is_refused(home: Path, run: Run) -> None:
    """It would delete the records of the first, which goes on undisturbed."""
    folder = home / "fixed"
    grid = ("train", "-m", *LIFTER, "seed=51,52", "paths.runs=of-fixed", "hydra.sweep.dir=fixed")
    run(*grid)
    before = {path: path.read_text() for path in folder.rglob("*.*") if path.is_file()}
    with locks.held(folder / "grid.lock", pytest.fail):
        message = run(*grid, "training.batch_size=4", ok=False).err
    assert message.startswith("egotap: hydra.sweep.dir=fixed: another grid is running in this folder (process ")
    assert "choose another folder" in message
    assert {path: path.read_text() for path in before} == before


def test_a_study_that_is_being_searched_is_refused(home: Path, run: Run) -> None:
    folder = home / "studies" / "sweeps" / "mine"
    folder.mkdir(parents=True)
    with locks.held(folder / "grid.lock", pytest.fail):
        command = ("train", "sweep=optuna", *LIFTER, "paths.runs=studies", "hydra.sweeper.study=mine")
        message = run(*command, ok=False).err
    assert message.startswith("egotap: hydra.sweeper.study=mine: another command is searching in this study (process ")
    assert "hydra.sweeper.study=NAME" in message


@pytest.mark.usefixtures("trained")
def test_after_another_grid_a_fixed_folder_has_only_its_own_tables(home: Path, run: Run) -> None:
    grid = ("train", "-m", *LIFTER, "paths.runs=of-emptied", "hydra.sweep.dir=emptied")
    run(*grid, "seed=51,52", "training.batch_size=16,4")
    assert (home / "emptied" / "grid.csv").exists()
    run(*grid, "seed=51")
    assert len(rows(home / "emptied" / "jobs.csv")) == 1
    assert not (home / "emptied" / "grid.csv").exists()


@pytest.mark.usefixtures("trained")
def test_paths_can_be_copied_from_a_narrow_terminal(home: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    runs = "my runs/of a long winter's night, with = and more"
    (home / "my conf").mkdir()
    own = ("--config-dir", "my conf")
    out = run("train", "-m", *own, *LIFTER, "training.batch_size=16,4", "seed=3", f"paths.runs={runs}").out
    lines = out.splitlines()
    for job, size in enumerate((16, 4)):
        assert f"job {job:<20}{runs}/batch_size-{size}_scale-smoke_heatmaps-truth_seed-3" in lines
    (command,) = [line for line in lines if "egotap report" in line]
    assert shlex.split(command)[3:] == ["egotap", "report", "--config-dir=my conf", f"runs={runs}", "output=report"]


def test_a_defect_of_a_job_is_recorded_and_raised(home: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("out of tune")

    monkeypatch.setattr("egotap_pl.cli.train.train", broken)
    with pytest.raises(RuntimeError, match="out of tune"):
        run("train", "-m", *LIFTER, "seed=1,2", "hydra.sweep.dir=defect")
    assert [job["message"] for job in rows(home / "defect" / "jobs.csv")] == ["RuntimeError: out of tune"] * 2
    assert "Traceback" in (home / "defect" / "jobs" / "0.log").read_text()


def test_an_interrupted_grid_has_a_table(home: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("egotap_pl.cli.train.train", interrupted)
    ended = run("train", "-m", *LIFTER, "seed=1,2", "hydra.sweep.dir=stopped", ok=False)
    assert ended.status == 130
    assert [job["status"] for job in rows(home / "stopped" / "jobs.csv")] == ["interrupted"]


def test_an_interrupted_grid_whose_table_cannot_be_made_ends_as_usual(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C during an import leaves modules behind that cannot be imported again."""

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    def broken(_: object) -> None:
        raise KeyError("Rectangle:kwdoc")

    monkeypatch.setattr("egotap_pl.cli.train.train", interrupted)
    monkeypatch.setattr("egotap_pl.cli.screen.screen_table", broken)
    ended = run("train", "-m", *LIFTER, "seed=1,2", "hydra.sweep.dir=half-imported", ok=False)
    assert ended.status == 130
    assert ended.err.splitlines()[-1] == "egotap: interrupted; run the same command to resume"


def test_a_single_run_has_no_such_table(home: Path, run: Run) -> None:
    before = list(home.rglob("jobs.csv"))
    ended = run("train", *LIFTER, "training.epochs=-1", ok=False)
    assert "jobs" not in ended.out
    assert list(home.rglob("jobs.csv")) == before
