"""`egotap train`: from nothing to a tested lifter; the same command repeated, interrupted, or run twice at a time."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
import yaml
from broken_optimiser import STOPPING
from processes import Command
from smoke import EPOCHS, LIFTER, SMOKE, STEPS_PER_EPOCH, Outcome, Run, run_folder

QUICKSTART = ("experiment=quickstart", *SMOKE)


@pytest.fixture(scope="module")
def quickstart(home: Path) -> Outcome:
    """The first command of the README, as a user gives it."""
    command = [sys.executable, "-m", "egotap_pl", "train", *QUICKSTART, "data.workers=1"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "160"}
    done = subprocess.run(command, cwd=home, env=environment, capture_output=True, text=True, timeout=400)
    assert done.returncode == 0, done.stderr
    return Outcome(0, done.stdout, done.stderr)


def checkpoints(home: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in home.rglob("*.ckpt")}


def stages(home: Path, kind: str) -> set[Path]:
    return {path for path in (home / "work" / "stages").glob(f"{kind}-*") if path.is_dir()}


@pytest.mark.slow
def test_a_run_writes_its_files(quickstart: Outcome, home: Path) -> None:
    folder = run_folder(quickstart, home)
    assert folder.parent == home / "runs" / "quickstart" / "egosynth"
    metrics = json.loads((folder / "metrics.json").read_text())
    promised = "mpjpe pa_mpjpe mean_pose_mpjpe per_joint per_category frames seconds device dataset dataset_fingerprint"
    assert {*promised.split(), "seed", "commit", "parameters", "network_parameters", "gflop"} <= metrics.keys()
    settings = yaml.safe_load((folder / "config.yaml").read_text())
    assert settings["training"]["seed"] == metrics["seed"] == 0
    assert "${" not in (folder / "config.yaml").read_text()
    assert (folder / "checkpoints" / "best.ckpt").is_file()
    assert (folder / "checkpoints" / "last.ckpt").is_file()
    assert (folder / "poses.png").stat().st_size > 10_000
    with (folder / "metrics.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert any(row["validation/mpjpe"] for row in rows)
    assert not list(home.rglob("*.unfinished*"))


@pytest.mark.slow
def test_predictions_give_the_metrics(quickstart: Outcome, home: Path) -> None:
    folder = run_folder(quickstart, home)
    metrics = json.loads((folder / "metrics.json").read_text())
    with h5py.File(folder / "predictions.h5") as file:
        error_mm = 10 * np.linalg.norm(file["pose_cm"][...] - file["truth_cm"][...], axis=-1)
        categories, joints = file["category"].asstr()[...], list(file.attrs["joints"])
        rows = file["row"][...]
    assert rows.tolist() == list(range(metrics["frames"]))
    assert metrics["mpjpe"] == pytest.approx(error_mm.mean(), rel=1e-5)
    for joint, error in zip(joints, error_mm.mean(0), strict=True):
        assert metrics["per_joint"][joint] == pytest.approx(error, rel=1e-5)
    for category, errors in metrics["per_category"].items():
        assert errors["mpjpe"] == pytest.approx(error_mm[categories == category].mean(), rel=1e-5)


@pytest.mark.slow
def test_run_again_it_repeats_nothing(quickstart: Outcome, home: Path, run: Run) -> None:
    before = checkpoints(home)
    again = run("train", *QUICKSTART)
    assert checkpoints(home) == before
    assert again.err.count("already there") == 5  # data, two estimators, heatmaps, lifter
    assert again.out == quickstart.out


@pytest.mark.slow
def test_another_seed_shares_the_estimators_and_another_estimator_is_trained(
    quickstart: Outcome, home: Path, run: Run
) -> None:
    before = checkpoints(home)
    seeded = run("train", *QUICKSTART, "seed=1")
    new = checkpoints(home).keys() - before.keys()
    assert {path.parents[1] for path in new} == {run_folder(seeded, home)}
    joint, limb = stages(home, "joint-estimator"), stages(home, "limb-estimator")
    run("train", *QUICKSTART, "estimators.joint.task.optimizer.lr=0.002")
    assert len(stages(home, "joint-estimator") - joint) == 1
    assert stages(home, "limb-estimator") == limb
    assert {path: checkpoints(home)[path] for path in before} == before


@pytest.mark.slow
@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGKILL])
def test_stopped_it_goes_on_to_the_same_end(stop: signal.Signals, home: Path, run: Run) -> None:
    command = (*EPOCHS, *STOPPING, f"+training.task.optimizer.stop_at={STEPS_PER_EPOCH + 3}")
    whole = run_folder(run("train", *command, "paths.runs=not-stopped"), home)
    runs = f"stopped-{stop.name}"
    (home / "break").write_text(str(int(stop)))
    ended = Command(home, "train", *command, f"paths.runs={runs}").end()
    (home / "break").unlink()
    if stop == signal.SIGINT:
        assert ended.status == 130, ended
        assert ended.err.splitlines()[-1].startswith("egotap: interrupted")
        assert "Traceback" not in ended.err
    else:
        assert ended.status == -signal.SIGKILL
    assert not list((home / runs).rglob("metrics.json"))
    again = run("train", *command, f"paths.runs={runs}")
    assert "resuming after epoch 1" in again.err
    folder = run_folder(again, home)
    assert (folder / "metrics.csv").read_text() == (whole / "metrics.csv").read_text()
    one, other = (json.loads((path / "metrics.json").read_text()) for path in (folder, whole))
    for key in ("mpjpe", "pa_mpjpe", "per_joint", "per_category", "frames"):
        assert one[key] == other[key]
    assert not list(folder.rglob("*.unfinished"))


@pytest.mark.slow
def test_two_at_a_time_train_an_estimator_once(home: Path, run: Run) -> None:
    run("prepare", *SMOKE)
    command = (*QUICKSTART, "estimators.joint.seed=5", "heatmaps.cache=false")
    ended = [process.end() for process in [Command(home, "train", *command) for _ in range(2)]]
    errors = [outcome.err for outcome in ended]
    assert [outcome.status for outcome in ended] == [0, 0], errors
    for stage in ("joint estimator", "lifter"):
        assert sum(f"{stage}: epoch 1/1" in error for error in errors) == 1, errors


def test_a_sweep_names_its_runs_and_survives_a_bad_job(home: Path, run: Run) -> None:
    words = ("seed=41,42", "training.batch_size=16", "training.task.optimizer.lr=1e-3,1e30", "paths.runs=sweep")
    sweep = run("train", "-m", *LIFTER, *words, ok=False)
    assert sweep.status == 1
    assert "finite" in sweep.err.splitlines()[-1]
    assert "Traceback" not in sweep.err
    folders = sorted(path.parent.name for path in (home / "sweep").rglob("metrics.json"))
    assert len(folders) == 2
    for seed, folder in zip((41, 42), folders, strict=True):
        assert f"seed-{seed}" in folder
        assert "batch_size-16" in folder


ZEROS = """
import torch
from torch import nn

class Zeros(nn.Module):
    "An estimator that has collapsed."

    def __init__(self, skeleton, width, lateral_widths, decoder_widths):
        super().__init__()
        self.joints, self.scale = skeleton.num_heatmap_joints, nn.Parameter(torch.zeros(()))

    def forward(self, images):
        return self.scale * 0 + images.new_zeros(len(images), 2, self.joints, 16, 16)
"""


def test_a_collapsed_estimator_starts_over_and_is_given_up_in_the_end(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "collapsed.py").write_text(ZEROS)
    monkeypatch.syspath_prepend(str(tmp_path))
    outcome = run(
        "train",
        *QUICKSTART,
        "estimators.joint.task.estimator._target_=collapsed.Zeros",
        "estimators.joint.guard={_target_: egotap_pl.tasks.callbacks.CollapseGuard, after_epochs: 1}",
        "estimators.joint.restarts=2",
        ok=False,
    )
    assert outcome.err.count("joint estimator: collapsed to all-zero heatmaps: after") == 3
    assert "with 3 seeds" in outcome.err.splitlines()[-1]


ENCODER = """
from torch import nn
from egotap_pl.nn.encoders.base import JointEncoder

class MeanEncoder(JointEncoder):
    "A joint's feature from the sums over the rows and columns of its maps."

    def __init__(self, skeleton, heatmap_px, joint_dim):
        super().__init__(skeleton, heatmap_px, joint_dim)
        self.linear = nn.Linear(2 * heatmap_px, joint_dim)

    def forward(self, maps):
        return self.linear(maps.sum(-1).transpose(1, 2).flatten(2))
"""
PROPAGATION = """
from torch import nn
from egotap_pl.nn.propagation.base import Propagation

class SumPropagation(Propagation):
    "Each joint adds its limb's feature."
    uses_limbs = True

    def __init__(self, skeleton, joint_dim):
        super().__init__()
        self.out_dim, self.linear = joint_dim, nn.Linear(joint_dim, joint_dim)

    def forward(self, joint, limb):
        return self.linear(joint + limb)
"""


@pytest.mark.slow
def test_a_users_own_encoder_and_propagation_need_a_class_and_a_file_each(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "my_idea.py").write_text(ENCODER + PROPAGATION)
    for group, name in (("encoder", "MeanEncoder"), ("propagation", "SumPropagation")):
        folder = tmp_path / "conf" / "lifter" / group
        folder.mkdir(parents=True)
        (folder / "mine.yaml").write_text(f"_target_: my_idea.{name}\n_partial_: true\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    own = ("--config-dir", str(tmp_path / "conf"), "lifter/encoder=mine", "lifter/propagation=mine")
    trained = Command(home, "train", *own, *LIFTER).end()
    assert trained.status == 0, trained
    best = run_folder(trained, home) / "checkpoints" / "best.ckpt"
    state = torch.load(best, weights_only=True)["state_dict"]
    assert state["lifter.propagation.linear.weight"].shape == (16, 16)
    # Nobody's checkpoint makes the program import a package that was not named as trusted.
    command = ("evaluate", f"checkpoint={best}")
    refused = Command(home, *command).end()
    assert refused.status == 1
    assert "trust=[egotap_pl,my_idea]" in refused.err
    assert Command(home, *command, "trust=[egotap_pl,my_idea]").end().status == 0


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        (("training.epchs=3",), "training.epchs"),
        (("lifter/encoder=none_such",), "channel_vit"),
        (("experiment=none_such",), "quickstart"),
        (("training.epochs=abc",), "training.epochs=abc"),
        (("+training.task.optimizer.foo=1",), "training.task.optimizer.foo"),
        (("training.task.optimizer.lr=fast",), "training.task.optimizer.lr=fast"),
        (("lifter.encoder._target_=egotap_pl.nn.encoders.None",), "egotap_pl.nn.encoders.None"),
        (("lifter.joint_dim=15",), "joint_dim 15"),
        (("trainer.precision=abc",), "abc"),
        (("training.epochs=[1",), "[1"),
        (("seed=-1",), "training.seed=-1: must be a number from 0 to 4294967295"),
        (("seed=99999999999999",), "training.seed=99999999999999: must be a number from 0 to 4294967295"),
        (("training.task.optimizer.lr=-1",), "training.task.optimizer.lr=-1: must be a number from 0 to 3.4e+38"),
        (("training.task.optimizer.lr=1e99",), "training.task.optimizer.lr=1e+99: must be a number from 0 to 3.4e+38"),
        (("training.task.optimizer.lr=nan",), "training.task.optimizer.lr=nan: must be a number from 0 to 3.4e+38"),
        (("training.gradient_clip=-1",), "training.gradient_clip=-1: must be 0 or more"),
        (("experiment=table3/grid_vit", "probe.seed=-1"), "probe.seed=-1: must be a number from 0 to 4294967295"),
    ],
)
def test_a_mistake_ends_with_one_message(wrong: tuple[str, ...], expected: str, run: Run) -> None:
    outcome = run("train", *LIFTER, *wrong, ok=False)
    assert outcome.status == 1
    message = outcome.err[outcome.err.index("egotap: ") :]
    assert expected in message
    assert "Traceback" not in outcome.err
    assert "Error executing" not in outcome.err
    assert len(message.splitlines()) <= 8


def test_a_missing_gpu_is_named(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.device_count", lambda: 0)
    assert "trainer=cpu" in run("train", *LIFTER, "trainer=gpu", ok=False).err


def test_an_unknown_verb_is_answered_with_the_verbs(run: Run) -> None:
    outcome = run("trian", ok=False)
    assert outcome.status == 2
    assert "train" in outcome.err
