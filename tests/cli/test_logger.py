"""Weights & Biases beside metrics.csv."""

from __future__ import annotations

from pathlib import Path

import pytest
from smoke import LIFTER, Run

from egotap_pl.cli.loggers import make_logger
from egotap_pl.core.errors import EgotapError


@pytest.mark.slow
def test_offline_every_job_of_a_sweep_has_a_run_of_its_own_in_its_folder(
    home: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    wandb = pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    run("train", "-m", *LIFTER, "logger=wandb", "logger.offline=true", "seed=61,62", "paths.runs=logged")
    folders = [path.parent for path in (home / "logged").rglob("metrics.json")]
    assert len(folders) == 2
    for folder in folders:
        assert len(list((folder / "wandb").glob("offline-run-*/run-*.wandb"))) == 1
    assert wandb.run is None


def test_without_wandb_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lightning.pytorch.loggers.wandb._WANDB_AVAILABLE", False)
    spec = {"_target_": "lightning.pytorch.loggers.WandbLogger", "_partial_": True, "project": "egotap"}
    with pytest.raises(EgotapError, match=r"egotap-pl\[wandb\]"):
        make_logger(spec, tmp_path)
