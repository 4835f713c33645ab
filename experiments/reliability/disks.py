"""Runs commands on disks that fail at random moments, runs them again, and compares the results.

    sudo python experiments/reliability/disks.py --trials 48 --seed 0

Every trial starts a command of `JOBS` in a folder on a disk that fails in a way of `FAULTS` (tests/support), at a
random one of the command's operations on it. The command must end with one message that names a path, without a
traceback. When the disk works again, the same command must end well, leave nothing half-written, and have the results
of an undisturbed command, to the last bit. The table at the end is Markdown. The status is 1 if a trial failed.

Mounting needs the rights of root, and /dev/fuse.
"""

from __future__ import annotations

import argparse
import random
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from interruptions import ENVIRONMENT, LONGEST_S, compared
from rich.progress import track

sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "support"))
from faulty_disk import FAULTS, FaultyDisk

SMOKE = ("scale=smoke", "data.workers=0")
LIFTER = ("train", *SMOKE, "heatmaps=truth", "training.epochs=3", "training.batch_size=2")
JOBS = {
    "prepare": ("prepare", *SMOKE),
    "train": ("train", "experiment=quickstart", *SMOKE),
    "train, data elsewhere": (*LIFTER, "paths.work={shared}/work"),
    "train, runs elsewhere": (*LIFTER, "paths.runs={other}/runs"),
    "report": ("report", "runs={shared}/runs", "output=report"),
    "predict": ("predict", "checkpoint={best}", "input={data}", "split=test", "output=poses.h5"),
}
"""Commands, which write to the folder they are run in, except for what is said to be elsewhere."""


@dataclass(frozen=True)
class Trial:
    """What happened to a command whose disk failed."""

    job: str
    fault: str
    failed: bool
    """Whether the command failed. The fault may come after its last operation, or where it does no harm."""
    faults: tuple[str, ...]
    """What was wrong about how it ended, or about the results of the second start."""


def command(job: str, shared: Path, other: Path) -> list[str]:
    """The words of a command.

    Args:
        job: a name of `JOBS`.
        shared: a folder with a finished run and its data, on another disk.
        other: a folder on another disk, new for every trial.
    """
    words = {"shared": shared, "other": other, "best": next(shared.glob("runs/**/best.ckpt"), "")}
    words["data"] = next((path.parent for path in shared.glob("work/data/*/test.h5")), "")
    return [sys.executable, "-m", "egotap_pl", *(word.format(**words) for word in JOBS[job])]


def run(words: list[str], folder: Path) -> tuple[int, str]:
    """The status and the messages of a command."""
    environment = {**ENVIRONMENT, "PYTHONSAFEPATH": "1"}  # Python itself would look for modules in the folder
    result = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, timeout=LONGEST_S)
    return result.returncode, result.stderr + result.stdout


def wrong(status: int, messages: str) -> list[str]:
    """What is wrong about the end of a command whose disk failed."""
    faults = [f"a traceback: {messages[-2000:]}"] if "Traceback" in messages else []
    if status != 1:
        faults.append(f"status {status}")
    lines = [line for line in messages.splitlines() if line.startswith("egotap: ")]
    if len(lines) != 1:
        faults.append(f"{len(lines)} messages")
    elif not re.match(r"egotap: \S+: ", lines[0]):
        faults.append(f"a message without the path: {lines[0]}")
    return faults


def attempt(job: str, fault: str, after: int, folders: tuple[Path, Path, Path], undisturbed: Path) -> Trial:
    """Run a command on a disk that fails, and again on the mended disk.

    Args:
        job: a name of `JOBS`.
        fault: a name of `FAULTS`.
        after: number of operations that succeed.
        folders: the shared folder, where to mount the disk, and an empty folder.
        undisturbed: the folder of the undisturbed command.
    """
    shared, mount, backing = folders
    other = backing.parent / "other"
    other.mkdir()
    disk = FaultyDisk(mount, backing)
    try:
        disk.fail(fault, after)
        status, messages = run(command(job, shared, other), mount)
        faults = wrong(status, messages) if status else []
        disk.mend()
        again, more = run(command(job, shared, other), mount)
        if again:
            faults.append(f"status {again} of the second start: {more[-500:]}")
        else:
            faults += compared(undisturbed, backing)
        faults += [f"left: {path.name}" for path in backing.rglob("*.unfinished")]
    finally:
        disk.unmount()
    return Trial(job, fault, bool(status), tuple(faults))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=48)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    generator = random.Random(args.seed)
    with tempfile.TemporaryDirectory(prefix="egotap-disks-") as name:
        root = Path(name)
        (shared := root / "shared").mkdir()
        finished = run([sys.executable, "-m", "egotap_pl", *LIFTER], shared)
        if finished[0]:
            raise RuntimeError(finished[1])
        operations = {job: undisturbed(job, root, shared) for job in track(JOBS, "undisturbed")}
        trials = []
        for number in track(range(args.trials), "failing disks"):
            job, fault = list(JOBS)[number % len(JOBS)], generator.choice(list(FAULTS))
            after = int(generator.uniform(0, 1) * operations[job][fault])
            folders = shared, root / "mount", root / str(number) / "disk"
            folders[1].mkdir(exist_ok=True)
            folders[2].mkdir(parents=True)
            trial = attempt(job, fault, after, folders, root / job / "disk")
            trials.append(trial)
            if trial.faults:
                print(f"trial {number}, {job}, {fault} after {after} operations: {'; '.join(trial.faults)}", flush=True)
            shutil.rmtree(root / str(number))
        print(table(trials))
    return any(trial.faults for trial in trials)


def undisturbed(job: str, root: Path, shared: Path) -> dict[str, int]:
    """Run a command on a disk that does not fail. Returns the number of operations that each fault would concern."""
    mount, backing, other = (root / job / part for part in ("mount", "disk", "other"))
    for folder in (mount, backing, other):
        folder.mkdir(parents=True)
    disk = FaultyDisk(mount, backing)
    try:
        status, messages = run(command(job, shared, other), mount)
        if status:
            raise RuntimeError(messages)
        return {fault: disk.operations(fault) for fault in FAULTS}
    finally:
        disk.unmount()


def table(trials: list[Trial]) -> str:
    """Counts by command and fault, as Markdown."""
    lines = ["| command | disk | trials | failed | without a fault |", "|---|---|--:|--:|--:|"]
    counts = Counter((trial.job, trial.fault) for trial in trials)
    for job, fault in sorted(counts, key=lambda key: (list(JOBS).index(key[0]), list(FAULTS).index(key[1]))):
        of = [trial for trial in trials if (trial.job, trial.fault) == (job, fault)]
        numbers = (len(of), sum(trial.failed for trial in of), sum(not trial.faults for trial in of))
        lines.append(f"| {job} | {fault} | {' | '.join(map(str, numbers))} |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
