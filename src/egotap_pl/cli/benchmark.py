"""`egotap benchmark`: measures what the networks of a checkpoint or an experiment cost."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig
from rich import box
from rich.markup import escape
from rich.table import Table

from egotap_pl.cli.configuration.composing import plain
from egotap_pl.core.atomic import write_json
from egotap_pl.core.batch import DataFacts
from egotap_pl.core.errors import EgotapError
from egotap_pl.core.messages import RESULT, print_whole
from egotap_pl.data.windows import Window
from egotap_pl.engine.benchmarks.benchmark import FILE, Cost, benchmark, record
from egotap_pl.engine.benchmarks.parts import parts_of
from egotap_pl.engine.build import build
from egotap_pl.engine.checkpoints.allowlist import entries
from egotap_pl.engine.checkpoints.files import FOLDER, checkpoint_path
from egotap_pl.engine.devices.choice import SINGLE, check_whole
from egotap_pl.engine.devices.devices import Devices
from egotap_pl.engine.fit import make_task
from egotap_pl.engine.prediction.lifting_checkpoints import load_lifting_task
from egotap_pl.engine.runs.folders import ENTRY
from egotap_pl.tasks import LiftingTask

_OPTIONS = ("runtimes", "batch_size", "seconds", "steps")
_MEASURING = (*(f"{key}=" for key in (*_OPTIONS, "threads", "output")), "trainer")
"""Beginnings of overrides that say how to measure, not what."""


def main(config: DictConfig) -> None:
    """Measure the networks, print a table, and write the numbers."""
    settings = plain(config)
    _check(settings)
    devices = Devices.parse(settings["trainer"])
    if settings["threads"] is not None:
        torch.set_num_threads(settings["threads"])
    task, window, origin, folder = _task(settings)
    options = {key: settings[key] for key in _OPTIONS}
    options |= {"precision": devices.precision, "acceleration": devices.acceleration}
    found = list(benchmark(parts_of(task, window.frames), devices.torch_device, **options))
    content = record(found, devices.torch_device, settings["batch_size"], origin)
    title = f"{origin}: {content['device']}, batches of {settings['batch_size']}"
    print_whole(cost_table(title, found))
    output = Path(settings["output"]) if settings["output"] is not None else folder and folder / FILE
    if output is not None:
        output.parent.mkdir(parents=True, exist_ok=True)
        write_json(output, content)
        RESULT.print(f"numbers  {output}", soft_wrap=True)


def _check(settings: Mapping[str, Any]) -> None:
    if not isinstance(settings["runtimes"], list):
        raise EgotapError(f"runtimes={settings['runtimes']}: must be a list, such as [torch,onnx]")
    for key in ("batch_size", "threads"):
        if settings[key] is not None or key == "batch_size":
            check_whole(key, settings[key], 1)
    seconds = settings["seconds"]
    if not isinstance(seconds, (int, float)) or isinstance(seconds, bool) or not 0 <= seconds < math.inf:
        raise EgotapError(f"seconds={seconds}: must be a number of seconds, 0 or more")
    if not isinstance(settings["steps"], bool):
        raise EgotapError(f"steps={settings['steps']}: must be one of: true, false")
    if settings["output"] is not None and Path(settings["output"]).is_dir():
        raise EgotapError(f"output={settings['output']} is a folder: must be a file, for the numbers as JSON")


def cost_table(title: str, found: list[Cost]) -> Table:
    """What parts cost."""
    table = Table(title=escape(title), title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("part", "runtime"):
        table.add_column(heading, no_wrap=True)
    for heading in ("M params", "GFLOP", "1 frame", "frames/s", "MiB", "step", "MiB"):
        table.add_column(heading, justify="right", no_wrap=True)
    for cost in found:
        table.add_row(
            cost.part,
            cost.runtime if cost.precision == SINGLE else f"{cost.runtime}, {cost.precision}",
            f"{cost.parameters / 1e6:.2f}",
            f"{cost.gflop:.3g}",
            f"{cost.latency_ms:.2f} ms",
            f"{cost.frames_per_s:.1f}",
            _number(cost.peak_mib),
            _number(cost.step_ms, " ms"),
            _number(cost.step_mib),
        )
    return table


def _number(value: float | None, unit: str = "") -> str:
    return "" if value is None else f"{value:.1f}{unit}"


def _task(settings: dict[str, Any]) -> tuple[LiftingTask, Window, str, Path | None]:
    """The task, the frames that it reads for a pose, what it is called, and the run's folder if it is of a run."""
    if settings["checkpoint"] is not None:
        path = checkpoint_path(settings["checkpoint"])
        task, about = load_lifting_task(path, entries(settings["trust"]))
        folder = path.parent.parent if path.parent.name == FOLDER else None
        folder = folder if folder and (folder / ENTRY).is_file() else None
        return task, Window.parse(about.data), str(settings["checkpoint"]), folder
    source = build(settings["data"]["source"])
    joints = len(source.skeleton.estimated_names)
    facts = DataFacts(source.skeleton, tuple(source.categories), torch.zeros(joints, 3), source.rig)
    overrides = [word for word in HydraConfig.get().overrides.task if not word.startswith(_MEASURING)]
    words = " ".join(overrides) or "the default configuration"
    task = make_task(settings["training"]["task"], facts, words)
    if not isinstance(task, LiftingTask):
        raise EgotapError(f"{words}: {type(task).__name__} gives no poses")
    return task, Window.parse(settings["data"]), words, None
