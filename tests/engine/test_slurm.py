"""In a SLURM job, egotap starts its own processes and resumes from its own checkpoints."""

from __future__ import annotations

import json
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest
import torch
from smoke import EPOCHS, Run, interrupted_at, run_folder

from egotap_pl.core.stopping import StopRequest

SLURM = {
    "SLURM_JOB_ID": "7",
    "SLURM_JOB_NAME": "poses",
    "SLURM_NTASKS": "1",
    "SLURM_PROCID": "0",
    "SLURM_LOCALID": "0",
    "SLURM_NODEID": "0",
}


def set_slurm(monkeypatch: pytest.MonkeyPatch, **changed: str) -> None:
    for name, value in {**SLURM, **changed}.items():
        monkeypatch.setenv(name, value)


def errors(folder: Path) -> dict[str, Any]:
    metrics = json.loads((folder / "metrics.json").read_text())
    return {name: metrics[name] for name in ("mpjpe", "pa_mpjpe", "per_joint", "per_category")}


@pytest.mark.parametrize("step", [1, 12])
def test_checkpoints_that_lightning_writes_for_slurm_are_not_loaded(
    step: int, whole: Path, home: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Interrupted before the first checkpoint and after it."""
    other = run_folder(run("train", *EPOCHS, "seed=1", "paths.runs=another-seed"), home)
    assert errors(other) != errors(whole)
    command = (*EPOCHS, f"paths.runs=in-slurm-{step}")
    with interrupted_at(step):
        run("train", *command)
    (folder,) = (path.parent for path in (home / f"in-slurm-{step}").rglob("run.json"))
    assert (folder / "checkpoints" / "last.ckpt").is_file() == (step > 1)
    hpc = folder / "hpc_ckpt_1.ckpt"
    shutil.copy(other / "checkpoints" / "last.ckpt", hpc)
    set_slurm(monkeypatch)
    assert run_folder(run("train", *command), home) == folder
    assert errors(folder) == errors(whole)
    assert not hpc.exists()


def test_an_evaluation_loads_the_checkpoint_that_it_is_given(
    whole: Path, home: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    hpc = home / "hpc_ckpt_1.ckpt"
    content = torch.load(whole / "checkpoints" / "best.ckpt", weights_only=True)
    content["state_dict"] = {name: value + 1 for name, value in content["state_dict"].items()}
    torch.save(content, hpc)
    set_slurm(monkeypatch)
    run("evaluate", f"checkpoint={whole / 'checkpoints' / 'best.ckpt'}", "output=evaluated-in-slurm")
    hpc.unlink()
    assert errors(home / "evaluated-in-slurm") == errors(whole)


def test_a_job_of_four_tasks_trains_in_one_process(
    whole: Path, home: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It need not be SLURM's first task. Lightning's handler of SIGUSR1 would requeue the job."""
    monkeypatch.setattr("lightning_utilities.core.rank_zero.rank_zero_only.rank", 1)  # read from SLURM_PROCID
    handlers, take = [], torch.optim.AdamW.step

    def watched(optimizer: torch.optim.AdamW, closure: Any = None) -> Any:
        handlers.append(signal.getsignal(signal.SIGUSR1))
        return take(optimizer, closure)

    monkeypatch.setattr(torch.optim.AdamW, "step", watched)
    set_slurm(monkeypatch, SLURM_NTASKS="4", SLURM_PROCID="1")
    folder = run_folder(run("train", *EPOCHS, "paths.runs=four-tasks"), home)
    assert {handler.__self__.__class__ for handler in handlers} == {StopRequest}
    assert signal.getsignal(signal.SIGUSR1) == signal.SIG_DFL
    assert errors(folder) == errors(whole)
    assert (folder / "metrics.csv").read_text() == (whole / "metrics.csv").read_text()


def test_nobody_is_advised_to_use_srun(
    home: Path, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recwarn: pytest.WarningsRecorder
) -> None:
    """Lightning gives this advice if the command is installed. It would start several trainings."""
    (tmp_path / "srun").touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    run("train", *EPOCHS, "paths.runs=no-srun", "training.epochs=1")
    assert not [warning for warning in recwarn if "srun" in str(warning.message)]
