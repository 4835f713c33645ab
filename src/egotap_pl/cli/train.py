"""`egotap train`: every stage that a preset needs and that is not there yet, then the test."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from egotap_pl.cli.composing import application, plain
from egotap_pl.cli.error_tables import error_table
from egotap_pl.cli.grid import note_run
from egotap_pl.core.messages import RESULT
from egotap_pl.engine.allowlist import targets
from egotap_pl.engine.checkpoints import checked_task
from egotap_pl.engine.labels import Command
from egotap_pl.engine.loggers import make_service
from egotap_pl.engine.pipeline import Pipeline
from egotap_pl.engine.results import best_validation
from egotap_pl.engine.run_pictures import ensure_picture
from egotap_pl.engine.specs import check_fit, check_spec


@application("train")
def main(config: DictConfig) -> float:
    """Run the configured experiment.

    Returns:
        For sweepers: the validation error of the best epoch (MPJPE in mm, or a probe's squared error), so that
        nothing is selected by the test; NaN where nothing was trained.
    """
    settings = plain(config)
    check_settings(settings)
    if settings["logger"]:
        make_service(settings["logger"]).check()
    hydra = HydraConfig.get()
    experiment = hydra.runtime.choices.get("experiment") or "custom"
    name = settings["name"]
    multirun = hydra.mode == RunMode.MULTIRUN
    if name is None and multirun:
        name = hydra.job.override_dirname
    choices = {str(group): option for group, option in hydra.runtime.choices.items()}
    command = Command(choices, list(hydra.overrides.task), Path(hydra.sweep.dir).name if multirun else None)
    pipeline = Pipeline(settings, experiment, command)
    folder = pipeline.run(name)
    note_run(folder)
    trained = settings["probe"] or settings["training"]
    picture = ensure_picture(folder, pipeline.data[0], tuple(targets(trained["task"])))
    metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    RESULT.print(error_table(f"{experiment} on {metrics['dataset']}, test split", metrics))
    RESULT.print(f"picture of test frames  {picture}", soft_wrap=True)
    RESULT.print(f"run folder              {folder}", soft_wrap=True)
    return best_validation(folder, trained["monitor"])


def check_settings(settings: dict[str, Any]) -> None:
    """Find what is wrong in a configuration before the first stage begins.

    Raises:
        EgotapError: see `egotap_pl.engine.specs`, and `checked_task`.
    """
    fits = {"training": settings["training"]}
    fits |= {f"estimators.{kind}": settings["estimators"][kind] for kind in settings["heatmaps"]["estimators"]}
    for where, node in fits.items():
        check_fit(node, where)
    for part in ("data", "heatmaps", "probe", "logger"):
        check_spec(settings[part], part)
    if settings["probe"]:
        fits["probe"] = settings["probe"]
    for where, node in fits.items():  # now, since a checkpoint of another task could not be loaded after the training
        checked_task(node["task"], tuple(targets(node["task"])), f"{where}.task")
