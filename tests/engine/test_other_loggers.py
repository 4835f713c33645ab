"""TensorBoard and MLflow get what metrics.csv has, pictures, and the tables of the test."""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import pytest
from smoke import LIFTER, Run, run_folder

import egotap_pl
from egotap_pl.engine.datasets import PreparedData
from egotap_pl.engine.experiment import Experiment
from egotap_pl.engine.other_loggers import MlflowService
from egotap_pl.engine.runs.labels import Labels

TRAINING = (*LIFTER, "training.batch_size=2", "training.epochs=2", "logger.frames=1", "logger.every_epochs=2")


def logged(folder: Path, name: str) -> list[float]:
    with (folder / "metrics.csv").open(newline="") as file:
        return [float(row[name]) for row in csv.DictReader(file) if row[name]]


def test_tensorboard(home: Path, run: Run) -> None:
    events = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    folder = run_folder(run("train", *TRAINING, "logger=tensorboard", "paths.runs=tensorboard"), home)
    written = events.EventAccumulator(str(folder / "tensorboard"))
    written.Reload()
    for name in ("validation/mpjpe", "train/loss"):
        assert [event.value for event in written.Scalars(name)] == pytest.approx(logged(folder, name), rel=1e-5)
    tags = written.Tags()
    assert {"test/mpjpe", "test_per_joint/head", "speed/frames_per_s"} <= set(tags["scalars"])
    assert tags["images"] == ["pictures/frames"]
    assert {"tables/per_joint/text_summary", "settings/text_summary"} <= set(tags["tensors"])


def test_a_finished_run_that_was_not_logged_is_named(home: Path, run: Run) -> None:
    pytest.importorskip("tensorboard")
    words = ("train", *TRAINING[:-2], "paths.runs=without_a_logger")
    folder = run_folder(run(*words), home)
    (line,) = [line for line in run(*words, "logger=tensorboard").err.splitlines() if "without a logger" in line]
    assert str(folder.relative_to(home)) in line
    assert "paths.runs=" in line, "the remedy"
    assert not (folder / "tensorboard").exists()
    assert "without a logger" not in run(*words).err, "nobody asked for a log"
    logged = (*words[:-1], "paths.runs=with_a_logger", "logger=tensorboard")
    run(*logged)
    assert "without a logger" not in run(*logged).err


def test_a_finished_estimator_that_was_not_logged_is_named_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("tensorboard")
    monkeypatch.setattr(Experiment, "_fit_estimator", lambda *_: None)
    told = []
    for words in ((), ("logger=tensorboard",), ("logger=tensorboard",)):  # the last is another job of a grid
        experiment = Experiment(egotap_pl.compose("scale=smoke", f"paths.stages={tmp_path}", *words))
        experiment.data = PreparedData(tmp_path, "")
        experiment.estimator("joint")
        told.append([line for line in capfd.readouterr().err.splitlines() if "without a logger" in line])
    assert [len(lines) for lines in told] == [0, 1, 0]
    assert "joint estimator: " in told[1][0]
    assert f"delete {tmp_path}/joint-estimator-" in told[1][0]
    assert "paths.stages=FOLDER" in told[1][0]


def test_mlflow(home: Path, run: Run, tmp_path: Path) -> None:
    mlflow = pytest.importorskip("mlflow")
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    words = ("logger=mlflow", f"logger.uri={uri}", "paths.runs=mlflow")
    folder = run_folder(run("train", *TRAINING, *words), home)
    client = mlflow.MlflowClient(uri)
    (found,) = client.search_runs([client.get_experiment_by_name("egotap").experiment_id])
    assert found.info.status == "FINISHED"
    assert found.data.tags["data"] == "egosynth"
    assert found.data.params["seed"] == "0", "MLflow compares and draws runs by their parameters"
    assert [value for name, value in found.data.params.items() if name.endswith("optimizer/lr")]
    history = client.get_metric_history(found.info.run_id, "validation/mpjpe")
    assert [entry.value for entry in history] == pytest.approx(logged(folder, "validation/mpjpe"), rel=1e-5)
    assert {"test/mpjpe", "test_per_joint/head"} <= found.data.metrics.keys()
    files = {
        file.path
        for name in ("", "tables", "pictures/frames")
        for file in client.list_artifacts(found.info.run_id, name)
    }
    assert {"settings.yaml", "tables/per_joint.csv"} <= files
    assert [name for name in files if name.endswith(".png")]


def test_a_training_that_resumes_has_the_same_run_of_mlflow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("mlflow")
    monkeypatch.chdir(tmp_path)  # MLflow keeps files beside its database's relative path
    service = MlflowService("egotap", f"sqlite:///{tmp_path}/mlflow.db", frames=1, every_epochs=1)
    commands = {"seed": 1, "overrides": "a", "settings": {}}, {"seed": 1, "overrides": "b", "settings": {}}
    labels = [
        Labels(name, "lifter", "group", "name", (), command)
        for name, command in zip(("a", "a", "b"), (*commands, commands[0]), strict=True)
    ]
    first, again, other = (service.open(each, tmp_path) for each in labels)
    assert first.version == again.version != other.version


@pytest.mark.parametrize("package", ["tensorboard", "mlflow"])
def test_a_package_that_is_not_installed(package: str, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    err = run("train", *LIFTER, f"logger={package}", ok=False).err
    assert f"pip install 'egotap-pl[{package}]'" in err


def test_a_server_that_cannot_be_used(run: Run) -> None:
    pytest.importorskip("mlflow")
    err = run("train", *LIFTER, "logger=mlflow", "logger.uri=nonsense://mlflow", ok=False).err
    assert "logger.uri=nonsense://mlflow: MLflow cannot use it" in err
