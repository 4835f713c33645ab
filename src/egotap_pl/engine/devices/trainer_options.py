"""Arguments of Lightning's Trainer in the `trainer` group of the configuration, besides the devices."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import lightning as L
from lightning.pytorch.profilers import AdvancedProfiler, PyTorchProfiler, SimpleProfiler

from egotap_pl.core.errors import EgotapError
from egotap_pl.engine.specs import check_arguments

DEFAULTS: Mapping[str, Any] = {
    name: parameter.default for name, parameter in inspect.signature(L.Trainer).parameters.items()
}
"""The arguments of Lightning's Trainer, and their defaults."""

PROFILERS = {"simple": SimpleProfiler, "advanced": AdvancedProfiler, "pytorch": PyTorchProfiler}
PROFILE = "profile"
"""Part of the names of the files that a profiler writes to a training's folder."""

_TIME = re.compile(r"\d+:\d\d:\d\d:\d\d")
_ELSEWHERE = {
    "max_epochs": "give training.epochs or estimators.<kind>.epochs",
    "gradient_clip_val": "give training.gradient_clip or estimators.<kind>.gradient_clip",
    "logger": "choose logger=...",
    "callbacks": "give a training's guard, or write your own task",
    "plugins": "egotap sets them",
    "default_root_dir": "every file has a place in the run's folder",
    "use_distributed_sampler": "the data have their own samplers",
    "enable_checkpointing": "interrupted trainings resume from checkpoints",
    "fast_dev_run": "choose debug=fast",
    "barebones": "choose debug=fast",
    "limit_test_batches": "metrics are of the whole split",
    "limit_predict_batches": "egotap predict takes frames=N",
    "num_nodes": "give trainer.nodes",
    "model_registry": "nothing is uploaded",
}
"""Arguments that are not for users, and what to do instead."""
_SAME_RESULT = frozenset(
    (
        *("benchmark", "deterministic", "detect_anomaly", "enable_autolog_hparams", "enable_model_summary"),
        *("enable_progress_bar", "inference_mode", "log_every_n_steps", "num_sanity_val_steps", "profiler", "strategy"),
        *("accelerator", "devices", "sync_batchnorm"),  # see Devices.determining
    )
)
"""Arguments that change what a training shows, or how fast it is, but not what it computes."""
_DETERMINING = frozenset(DEFAULTS) - _SAME_RESULT


def check_options(options: Mapping[str, Any], devices: tuple[str, ...]) -> None:
    """Check arguments of Lightning's Trainer.

    Args:
        options: the arguments.
        devices: the names of the settings of the devices, for messages.

    Raises:
        EgotapError: if there is no such argument, it is not for users, or its value is of the wrong type.
    """
    for name in options:
        if name in _ELSEWHERE:
            raise EgotapError(f"trainer.{name} cannot be set: {_ELSEWHERE[name]}")
        if name not in DEFAULTS:
            nearest = get_close_matches(name, [*devices, *DEFAULTS], n=1)
            raise EgotapError(
                f"trainer.{name}: unknown setting; "
                + (f"did you mean trainer.{nearest[0]}?" if nearest else "see the arguments of Lightning's Trainer")
            )
    check_arguments(L.Trainer, options, "trainer")
    max_time = options.get("max_time")
    if isinstance(max_time, str) and not _TIME.fullmatch(max_time.strip()):
        raise EgotapError(f"trainer.max_time={max_time}: must be DD:HH:MM:SS, days, hours, minutes and seconds")
    profiler = options.get("profiler")
    if profiler is not None and profiler not in PROFILERS:
        raise EgotapError(f"trainer.profiler={profiler}: must be one of: {', '.join(PROFILERS)}")


def chosen(options: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments that differ from Lightning's defaults."""
    return {name: value for name, value in options.items() if value is not None and value != DEFAULTS.get(name)}


def determining(options: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments that determine a training's result, where they differ from Lightning's defaults.

    >>> determining({"accumulate_grad_batches": 4, "max_time": None, "profiler": "simple"})
    {'accumulate_grad_batches': 4}
    """
    return {name: value for name, value in chosen(options).items() if name in _DETERMINING}


def determines(name: str) -> bool:
    """Whether a setting of the group ``trainer`` may determine a training's result, besides the devices.

    >>> [name for name in ("accumulate_grad_batches", "tf32", "compile", "profiler", "workers") if determines(name)]
    ['accumulate_grad_batches', 'tf32']
    """
    return name in _DETERMINING or name in ("sync_batchnorm", "tf32")


def with_profiler(options: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Arguments whose profiler, if there is one, writes to a training's folder.

    Args:
        options: the arguments.
        folder: the folder.
    """
    name = options.get("profiler")
    return {**options, "profiler": PROFILERS[name](dirpath=str(folder), filename=PROFILE)} if name else dict(options)
