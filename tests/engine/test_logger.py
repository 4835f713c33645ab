"""Weights & Biases besides metrics.csv: what is logged, and that every job has its own run, which is closed."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from broken_optimiser import OVERRIDES
from offline_wandb import OfflineRun, offline_runs
from smoke import LIFTER, Run, wait_until

from egotap_pl.core.errors import EgotapError
from egotap_pl.core.skeleton import unrealego
from egotap_pl.engine.loggers import WandbService, wandb_closed
from egotap_pl.engine.runs.labels import Command, labels_of


def test_every_stage_is_a_run_that_is_closed(logged: dict[str, OfflineRun]) -> None:
    assert set(logged) == {"joint estimator", "limb estimator", "lifter"}
    assert [run.exit_code for run in logged.values()] == [0, 0, 0]
    lifter = logged["lifter"]
    assert lifter.group == "custom/egosynth"
    assert {"egosynth", "smoke", "estimated", "grid_vit", "pu", "seed 0"} <= set(lifter.tags)
    assert lifter.config["settings"]["training"]["epochs"] == 2
    assert lifter.config["encoder"] == "grid_vit"
    assert logged["joint estimator"].group == logged["limb estimator"].group == "estimators/egosynth"


def test_a_lifter_logs_its_training(logged: dict[str, OfflineRun], home: Path) -> None:
    run = logged["lifter"]
    (path,) = (home / "logged" / "runs").rglob("metrics.csv")
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert set(rows[0]) <= {*run.keys, "step"}, "metrics.csv has nothing that the dashboard lacks"
    for key in ("train/loss", "train/mpjpe", "validation/mpjpe"):
        assert run.values(key) == pytest.approx([float(row[key]) for row in rows if row[key]])
    assert not [name for name in rows[0] if name.startswith(("speed", "validation_per", "test"))]
    assert len(run.values("validation/mpjpe")) == 2
    assert all(value > 0 for value in run.values("speed/frames_per_s"))
    rates = run.values("speed/learning_rate")
    assert max(rates) <= 1e-3
    assert rates[-1] == pytest.approx(0, abs=1e-12)  # the end of the cosine


def test_errors_per_joint_and_category_are_logged_in_validation_and_test(
    logged: dict[str, OfflineRun], home: Path
) -> None:
    run = logged["lifter"]
    (path,) = (home / "logged" / "runs").rglob("metrics.json")
    metrics = json.loads(path.read_text())
    assert run.values("test/mpjpe") == [pytest.approx(metrics["mpjpe"])]
    for joint in unrealego().estimated_names:
        assert run.values(f"test_per_joint/{joint}") == [pytest.approx(metrics["per_joint"][joint])]
    for category, errors in metrics["per_category"].items():
        assert run.values(f"test_per_category/{category}") == [pytest.approx(errors["mpjpe"])]
    per_joint = [run.values(f"validation_per_joint/{joint}") for joint in unrealego().estimated_names]
    means = torch.tensor(per_joint).mean(0)
    assert means.tolist() == pytest.approx(run.values("validation/mpjpe"), rel=1e-5)
    assert any(key.startswith("validation_per_category/") for key in run.keys)


def test_pictures_poses_and_tables_are_logged(logged: dict[str, OfflineRun], home: Path) -> None:
    run = logged["lifter"]
    assert run.values("pictures/frames._type") == ["images/separated"] * 2
    assert run.values("poses/frame_1._type") == ["object3D-file"] * 2
    assert run.values("tables/per_joint._type") == ["table-file"]
    (media,) = (home / "logged" / "runs").rglob("media")
    table = json.loads(next(media.rglob("per_joint*.table.json")).read_text())
    assert [row[0] for row in table["data"]] == list(unrealego().estimated_names)
    cloud = json.loads(next(media.rglob("*.pts.json")).read_text())
    colours = {tuple(round(value) for value in point[3:]) for point in cloud}
    assert len(colours) == 2  # truth and estimate


def test_an_estimator_logs_too(logged: dict[str, OfflineRun]) -> None:
    run = logged["joint estimator"]
    for key in ("train/loss", "train/zero_loss", "validation/mse", "speed/learning_rate", "test/mse"):
        assert all(value >= 0 for value in run.values(key))
        assert run.values(key), key
    assert run.values("tables/per_view._type") == ["table-file"]
    assert "pictures/frames._type" in run.keys


@pytest.mark.slow
def test_in_a_grid_every_job_has_a_run_and_a_failed_one_is_closed_and_resumed(home: Path, run: Run) -> None:
    wandb = pytest.importorskip("wandb")
    numbers = ("training.batch_size=2", "training.epochs=2", "+training.task.optimizer.break_at=12,0")
    logger = ("logger=wandb", "logger.frames=1")
    command = ("train", "-m", *LIFTER, *numbers, *OVERRIDES, *logger, "paths.runs=broken-off")
    (home / "break").touch()
    with pytest.raises(ZeroDivisionError):
        run(*command)
    (home / "break").unlink()
    broken, whole = offline_runs(home / "broken-off")
    assert (broken.exit_code, whole.exit_code) == (1, 0)
    assert broken.id != whole.id
    assert len(broken.values("validation/mpjpe")) == 1
    assert not broken.values("test/mpjpe")
    assert len(whole.values("test/mpjpe")) == 1
    assert wandb.run is None
    run(*command)
    resumed = [run for run in offline_runs(home / "broken-off") if run.id == broken.id]
    assert [run.exit_code for run in resumed] == [1, 0]
    assert len(resumed[1].values("validation/mpjpe")) == 1, "only the epoch that was missing"
    assert len(offline_runs(home / "broken-off")) == 3, "what was whole is left alone"


def test_without_wandb_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(EgotapError, match=r"egotap-pl\[wandb\]"):
        WandbService("egotap", None, offline=True, frames=1, every_epochs=1).check()


def test_without_an_account_it_says_so_before_anything_is_computed(
    home: Path, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("wandb")
    monkeypatch.setattr("wandb.login", lambda: False)
    monkeypatch.setenv("WANDB_MODE", "online")
    error = run("train", *LIFTER, "logger=wandb", "paths.runs=nobody", ok=False).err
    assert "wandb login" in error
    assert "logger.offline=true" in error
    assert not (home / "nobody").exists()


def test_labels_have_the_options_and_keep_their_id(tmp_path: Path) -> None:
    choices = {"scale": "tiny", "lifter/encoder": "cnn", "heatmaps": None}
    command = Command(choices, ["seed=3", "lifter/encoder=cnn", "logger=wandb"], "2026-01-01")
    settings = {"data": {"name": "egosynth"}}

    def labels(stage: str = "lifter", experiment: str | None = "table2/cnn", folder: Path = tmp_path):
        return labels_of(command, stage, experiment, settings, {"seed": 3}, folder)

    assert labels().group == "table2/cnn/egosynth"
    assert labels().name == "lifter lifter/encoder=cnn,seed=3"
    assert labels().tags == ("table2/cnn", "egosynth", "tiny", "cnn", "seed 3")
    assert labels().config["multirun"] == "2026-01-01"
    (tmp_path / "elsewhere").mkdir()
    assert labels().id == labels().id
    assert labels().id != labels(folder=tmp_path / "elsewhere").id
    assert labels().restarted(0, 3) == labels()
    assert labels().restarted(1, 1003).id not in (labels().id, "")
    shared = labels("joint estimator", None)
    assert shared.group == "estimators/egosynth"
    assert "seed=3" not in shared.name


def deleted_runs(monkeypatch: pytest.MonkeyPatch, message: str, ids: list[str]) -> None:
    """Weights & Biases refuses the first run with a message, as its site does, and opens others on disk."""
    wandb = pytest.importorskip("wandb")
    init = wandb.init

    def refuse_first(*arguments: Any, id: str, **others: Any) -> Any:
        ids.append(id)
        if len(ids) == 1:
            raise wandb.errors.CommError(message)
        return init(*arguments, id=id, **others)

    monkeypatch.setattr(wandb, "init", refuse_first)
    monkeypatch.setenv("WANDB_SILENT", "true")


def test_a_run_that_was_deleted_on_the_site_goes_on_as_a_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ids: list[str] = []
    deleted_runs(monkeypatch, "run me/egotap/abc was previously created and deleted; try a new run id", ids)
    labels = labels_of(Command(), "lifter", None, {"data": {"name": "d"}, "seed": 1}, {"seed": 1}, tmp_path)
    service = WandbService("p", None, offline=True, frames=1, every_epochs=1)
    with wandb_closed():
        service.open(labels, tmp_path)
    assert "was deleted from Weights & Biases" in capsys.readouterr().err
    assert ids[0] == labels.id != ids[1]
    again = labels_of(Command(), "lifter", None, {"data": {"name": "d"}, "seed": 1}, {"seed": 1}, tmp_path)
    assert again.id == ids[1]
    wait_until(lambda: [run.id for run in offline_runs(tmp_path)] == [ids[1]])  # wandb's own process writes it


def test_runs_of_a_notebook_that_changes_its_working_folder_are_kept_in_their_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_SILENT", "true")
    for name in ("first", "second"):
        (tmp_path / name / "run").mkdir(parents=True)
        monkeypatch.chdir(tmp_path / name)
        labels = labels_of(Command(), "lifter", None, {"data": {"name": "d"}, "seed": 1}, {"seed": 1}, Path("run"))
        with wandb_closed():
            WandbService("p", None, offline=True, frames=1, every_epochs=1).open(labels, Path("run"))
        wait_until(lambda: len(offline_runs(Path("run"))) == 1)


def test_a_service_that_cannot_be_reached_is_a_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deleted_runs(monkeypatch, "Run initialization has timed out after 90.0 sec", [])
    labels = labels_of(Command(), "lifter", None, {"data": {"name": "d"}, "seed": 1}, {"seed": 1}, tmp_path)
    with pytest.raises(EgotapError, match=r"timed out after 90.0 sec; log to disk with logger\.offline=true"):
        WandbService("p", None, offline=False, frames=1, every_epochs=1).open(labels, tmp_path)


def test_an_id_that_was_not_written_to_its_end_is_made_anew(tmp_path: Path) -> None:
    words = (Command(), "lifter", None, {"data": {"name": "d"}, "seed": 1}, {"seed": 1}, tmp_path)
    (tmp_path / ".logger-id").touch()  # as a full disk leaves it
    made = labels_of(*words).id
    assert made
    assert labels_of(*words).id == made
