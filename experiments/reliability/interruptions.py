"""Interrupts commands at random moments, runs them again, and compares the results with those of undisturbed commands.

    python experiments/reliability/interruptions.py --trials 50 --seed 0

For every trial, a command of `JOBS` starts in a folder of its own and gets a signal of `SIGNALS` at a random moment.
Then the same command runs until it ends. Its checkpoints, predictions, errors and frame stores must equal those of the
undisturbed command to the last bit; no process may be left, and a signal that a program can handle may print no
traceback. The table at the end is Markdown. The status is 1 if a trial failed; its folder is then kept.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import torch
from rich.progress import track

SMOKE = ("scale=smoke", "data.workers=2")
LIFTER = ("train", *SMOKE, "heatmaps=truth", "training.epochs=6", "training.batch_size=2")
JOBS = {
    "prepare": ("prepare", *SMOKE, "data.frames={train: 200, validation: 20, test: 20}"),
    "lifter": LIFTER,
    "lifter, two readers": (*LIFTER, "trainer.workers=2"),
    "estimators and lifter": ("train", "experiment=quickstart", *SMOKE),
    "grid of two": ("train", "-m", *LIFTER[1:], "seed=1,2"),
    "two processes": (*LIFTER, "trainer=ddp", "trainer.accelerator=cpu", "trainer.devices=2", "trainer.workers=0"),
}
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGKILL)
HANDLED = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "HYDRA_FULL_ERROR": "0"}
LONGEST_S = 1200
ENDED_S = 60
"""Seconds that processes may need to notice that their parent has ended: those that are importing finish that first."""


@dataclass(frozen=True)
class Trial:
    """What happened to a command that got a signal."""

    job: str
    number: signal.Signals
    was_running: bool
    """Whether it was still running when the signal came."""
    differences: tuple[str, ...]
    """Results that differ from those of the undisturbed command."""
    left: int
    """Processes that were left after it had ended."""
    traceback: bool
    """Whether it printed a traceback."""


def start(job: str, folder: Path) -> subprocess.Popen[bytes]:
    with (folder / "output.txt").open("ab") as output:
        command = [sys.executable, "-m", "egotap_pl", *JOBS[job]]
        return subprocess.Popen(
            command, cwd=folder, env=ENVIRONMENT, stdout=output, stderr=output, start_new_session=True
        )


def finish(job: str, folder: Path) -> None:
    """Run a command to its end."""
    process = start(job, folder)
    if process.wait(LONGEST_S):
        raise RuntimeError(f"{job} failed with status {process.returncode}: {folder / 'output.txt'}")


def members(session: int) -> list[int]:
    """Processes of a session that have not ended."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            state, _, _, of = (entry / "stat").read_text().rpartition(") ")[2].split()[:4]
        except OSError:
            continue
        if int(of) == session and state != "Z":
            found.append(int(entry.name))
    return found


def attempt(job: str, number: signal.Signals, after_s: float, folder: Path) -> tuple[bool, int, bool]:
    """Start a command and interrupt it. Returns the last three facts of a `Trial`."""
    process = start(job, folder)
    try:
        process.wait(after_s)
        was_running = False
    except subprocess.TimeoutExpired:
        was_running = True
        # Ctrl-C reaches the whole group, as a terminal sends it; the others one process, as `kill` does.
        (os.killpg if number == signal.SIGINT else os.kill)(process.pid, number)
    process.wait(LONGEST_S)
    end = time.monotonic() + ENDED_S
    while members(process.pid) and time.monotonic() < end:
        time.sleep(0.2)
    left = members(process.pid)
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    return was_running, len(left), b"Traceback" in (folder / "output.txt").read_bytes()


def results(folder: Path) -> Iterator[tuple[str, Any]]:
    """Everything that a command has computed, by name."""
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if any(part.startswith(".") for part in path.parts):
            continue
        if path.name in ("best.ckpt", "last.ckpt"):
            weights = torch.load(path, weights_only=True, map_location="cpu")["state_dict"]
            yield from ((f"{name} {key}", value.numpy()) for key, value in weights.items())
        elif path.suffix == ".h5":
            with h5py.File(path) as file:
                arrays: list[tuple[str, Any]] = []
                file.visititems(
                    lambda key, item, into=arrays: (
                        into.append((key, item[()])) if isinstance(item, h5py.Dataset) else None
                    )
                )
            yield from ((f"{name} {key}", array) for key, array in arrays)
        elif path.name == "metrics.json":
            content = json.loads(path.read_text())
            yield name, {key: content[key] for key in content if key.endswith("mpjpe") or key.startswith("per_")}


def compared(first: Path, second: Path) -> tuple[str, ...]:
    """Names of results that differ. Run folders are compared by their order, since their names are times."""
    one, other = ([(without_time(name), value) for name, value in results(folder)] for folder in (first, second))
    if [name for name, _ in one] != [name for name, _ in other]:
        return ("other files",)
    return tuple(name for (name, a), (_, b) in zip(one, other, strict=True) if not same(a, b))


def without_time(name: str) -> str:
    parts = name.split("/")
    return "/".join("time" if part[:2] == "20" and part[4:5] == "-" else part for part in parts)


def same(one: Any, other: Any) -> bool:
    if isinstance(one, np.ndarray):
        if one.dtype == object:
            return len(one) == len(other) and all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))
        return one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes()
    return bool(one == other)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", nargs="+", default=list(JOBS), choices=list(JOBS))
    args = parser.parse_args()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it, and so would ours
    generator = random.Random(args.seed)
    root = Path(tempfile.mkdtemp(prefix="egotap-interruptions-"))
    seconds: dict[str, float] = {}
    for job in track(args.jobs, "undisturbed"):
        (root / job).mkdir()
        began = time.monotonic()
        finish(job, root / job)
        seconds[job] = time.monotonic() - began
    trials: list[Trial] = []
    try:
        for k in track(range(args.trials), "interrupted"):
            job, number = args.jobs[k % len(args.jobs)], generator.choice(SIGNALS)
            folder = root / f"{k}"
            folder.mkdir()
            facts = attempt(job, number, generator.uniform(0, 1) * seconds[job], folder)
            finish(job, folder)
            trial = Trial(job, number, facts[0], compared(root / job, folder), *facts[1:])
            trials.append(trial)
            if failed(trial):
                print(f"failed, see {folder}: {trial}")
            else:
                shutil.rmtree(folder)
    finally:  # also of the trials before Ctrl-C
        print(table(trials), flush=True)
    if not any(map(failed, trials)):
        shutil.rmtree(root)
    return any(map(failed, trials))


def failed(trial: Trial) -> bool:
    return bool(trial.differences or trial.left or (trial.traceback and trial.number in HANDLED))


def table(trials: list[Trial]) -> str:
    heading = "| command | signal | interrupted | identical | processes left | tracebacks |"
    lines = [heading, "|---|---|--:|--:|--:|--:|"]
    ordered = sorted(trials, key=lambda trial: (list(JOBS).index(trial.job), trial.number))
    for (job, number), group in groupby(ordered, lambda trial: (trial.job, trial.number)):
        of = [trial for trial in group if trial.was_running]
        counts = (len(of), sum(not t.differences for t in of), sum(t.left for t in of), sum(t.traceback for t in of))
        lines.append(f"| {job} | {number.name} | {' | '.join(map(str, counts))} |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
