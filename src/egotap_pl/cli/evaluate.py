"""`egotap evaluate`: tests a checkpoint on a split of prepared data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from egotap_pl.cli.configuration.composing import plain
from egotap_pl.cli.configuration.recorded_data import recorded_data
from egotap_pl.cli.error_tables import print_errors
from egotap_pl.core.errors import EgotapError
from egotap_pl.core.messages import RESULT
from egotap_pl.engine.build import Spec, build
from egotap_pl.engine.checkpoints.allowlist import entries
from egotap_pl.engine.checkpoints.files import checkpoint_path
from egotap_pl.engine.checkpoints.loading import About, load_task
from egotap_pl.engine.datasets import check_split, ensure_data
from egotap_pl.engine.devices.devices import Devices
from egotap_pl.engine.evaluation import check_data, check_settings, evaluate
from egotap_pl.engine.own_cameras import with_own_cameras
from egotap_pl.engine.settings import DataSpec


def main(config: DictConfig) -> None:
    """Test the checkpoint and print its errors."""
    settings = plain(config)
    checkpoint, trust = checkpoint_path(settings["checkpoint"]), entries(settings["trust"])
    output = None if settings["output"] is None else Path(settings["output"])
    check_split(split := settings["split"])  # before data are prepared
    check_settings(size := settings["batch_size"], output)
    data = with_own_cameras(settings)
    devices = Devices.parse(settings["trainer"]).with_workers(settings["workers"])
    task, about = load_task(checkpoint, trust)
    store = _store({**settings, "data": data}, task, about, checkpoint)
    metrics = evaluate(checkpoint, store, split, devices=devices, batch_size=size, trust=trust, output=output)
    print_errors(f"{checkpoint}, {split} split of {store}", metrics)
    if output is not None:
        RESULT.print(f"metrics and predictions  {output}", soft_wrap=True)


def _store(settings: Spec, task: Any, about: About, checkpoint: Path) -> Path:
    """The folder of the data: from the command line, or else of the data that the checkpoint was trained on.

    Raises:
        EgotapError: if the command line names two, the data do not exist and cannot be prepared, or the checkpoint
            cannot be tested on them.
    """
    has_data = "source" in settings["data"]
    if settings["store"] is not None and has_data:
        raise EgotapError("store=DIR and data=NAME both name the data to test on: give one of them")
    if settings["store"] is not None:
        return Path(settings["store"])
    root = Path(settings["paths"]["data"])
    if has_data:
        data = DataSpec.parse(settings["data"])
        if data.has_source:  # before they are prepared
            check_data(checkpoint, task, about, build(data.source), f"the data of {data.name}")
        return ensure_data(data, root).folder
    return recorded_data(about, root, checkpoint)
