"""The scripts of the page of benchmarks run, with small numbers: what they print is not looked at, but that they do."""

from __future__ import annotations

import multiprocessing.pool
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from benchmark_scripts import loaded
from documented import ROOT, documented
from made_once import make_once

from egotap_pl.engine.benchmarks import costs

PAGE = "experiments/benchmarks/README.md"
COMMANDS = [command for command in documented() if command.text.startswith("python experiments/benchmarks/")]
SMALL = {
    "render.py": ["--takes", "1"],
    "heatmaps.py": [],
    "store.py": ["8"],
    "kept_heatmaps.py": ["3"],
    "models.py": ["--scale", "smoke", "--batch", "2", "--device", "cpu", "--iterations", "1"],
    "prepare.py": ["4", "workers=0"],
    "estimators.py": ["data.workers=0", "--scale", "smoke", "--epochs", "1"],
    "encoders.py": ["--scale", "smoke", "--rounds", "1"],
    "impl_recovery.py": ["--frames", "4", "--workers", "0"],
    "memory.py": ["--scale", "smoke", "--batch", "2", "--measure"],
    "threads.py": ["--busy", "0", "--network", "lifter", "--spin", "0", "--rounds", "1", "--steps", "1"],
    "step_profile.py": ["--steps", "1", "experiment=quickstart", "scale=smoke"],
    "stages.py": ["experiment=quickstart", "scale=smoke", "data.workers=0"],
    "savings.py": ["--batch", "1", "--rounds", "1"],
    "growth.py": [
        *("--scale", "smoke", "--frames", "1000", "--seconds", "0", "--batch", "2", "--workers", "0"),
        *("--picture", "growth.png"),
    ],
}
"""Arguments in place of the page's."""
OWN_TESTS = {"against_release.py": "test_release_benchmark.py", "gpu.py": "test_gpu_benchmark.py"}
"""Scripts that another test runs."""


def shrink(name: str, module: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Measure for less long, on fewer frames, without new processes."""
    if name not in ("render.py", "prepare.py"):  # these measure it
        make_once(monkeypatch)
    time_of = costs.time_of
    monkeypatch.setattr(costs, "time_of", lambda call, _, device: time_of(call, 0.01, device))
    if hasattr(module, "get_context"):  # render.py
        monkeypatch.setattr(module, "get_context", lambda _: SimpleNamespace(Pool=multiprocessing.pool.ThreadPool))
        monkeypatch.setattr(module, "_FRAMES", 2)
    if hasattr(module, "frames_per_second"):  # store.py
        measure: Callable[..., float] = module.frames_per_second
        monkeypatch.setattr(module, "BATCH_SIZE", 2)
        monkeypatch.setattr(module, "frames_per_second", lambda folder, workers: measure(folder, 0, 0.0))
    if name == "kept_heatmaps.py":  # two batches
        monkeypatch.setattr(module, "BATCH_SIZE", 2)
        monkeypatch.setattr(module, "ROUNDS", 1)
    if name == "heatmaps.py":
        seconds: Callable[..., float] = module.seconds
        monkeypatch.setattr(module, "seconds", lambda call, *_: seconds(call, 1))
    if name == "threads.py":  # the last way has two processes, and an environment of its own
        ways: Callable[..., list[Any]] = module.ways
        monkeypatch.setattr(module, "ways", lambda cpus, counts: ways(cpus, counts)[-1:])
    if name == "stages.py":  # in this process
        monkeypatch.setattr(module, "in_a_process", lambda title, words: module.run(title, words))
    if name == "prepare.py":
        monkeypatch.setattr(sys, "path", [*sys.path])
        monkeypatch.setattr(module, "subprocess", SimpleNamespace(run=lambda words, check: exec(words[2], {})))


@pytest.mark.slow
@pytest.mark.parametrize("name", SMALL)
def test_a_benchmark_runs(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    module = loaded(name, monkeypatch)
    shrink(name, module, monkeypatch)
    monkeypatch.setattr(sys, "argv", [name, *SMALL[name]])
    arguments = {
        "store.py": (8,),
        "kept_heatmaps.py": (3,),
        "prepare.py": (SMALL["prepare.py"],),
        "stages.py": (SMALL["stages.py"],),
    }.get(name, ())
    module.main(*arguments)
    assert capsys.readouterr().out.strip()


def test_every_script_of_the_page_is_run() -> None:
    names = {command.words[1].rpartition("/")[2] for command in COMMANDS}
    assert names - OWN_TESTS.keys() == SMALL.keys()
    assert all((ROOT / "tests" / name).is_file() for name in OWN_TESTS.values())
