"""Stand-ins for SLURM's programs that really run jobs, on this machine: sbatch, srun, scontrol and sacct.

A job waits for the one that it depends on. Jobs run beside each other, each with its tasks as processes.
"""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
import time
from pathlib import Path


def install(folder: Path) -> None:
    """Write the programs to a folder, for PATH; what is submitted and asked for is noted there, too."""
    for name in ("sbatch", "srun", "scontrol", "sacct"):
        program = folder / name
        program.write_text(f"#!{sys.executable} -S\nimport sys\nsys.path[:0] = [{str(Path(__file__).parent)!r}]\n")
        with program.open("a") as file:
            file.write(f"import fake_slurm\nfake_slurm.{name}(fake_slurm.Path({str(folder)!r}), sys.argv[1:])\n")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)


def scripts(folder: Path) -> list[str]:
    """The scripts of the submitted jobs, in their order."""
    return [path.read_text() for path in sorted(folder.glob("*.script"))]


def sbatch(folder: Path, arguments: list[str]) -> None:
    """Run a script in the background, with the variables of a batch script."""
    text = Path(arguments[0]).read_text()
    job = 101 + len(list(folder.glob("*.script")))
    (folder / f"{job}.script").write_text(text)
    options = dict(re.findall(r"^#SBATCH --([\w-]+)(?:=(.*))?$", text, re.M))
    tasks = int(options["ntasks-per-node"])
    environment = {**os.environ, "SLURM_JOB_ID": str(job), "SLURM_NTASKS": str(tasks), "SLURM_PROCID": "0"}
    needed = options.get("dependency", "").removeprefix("afterok:")
    waiting = f"while test ! -e {folder}/{needed}.ended; do sleep 0.1; done; " if needed else ""
    command = f"{waiting}sh {folder}/{job}.script; touch {folder}/{job}.ended"
    subprocess.Popen(["sh", "-c", command], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    print(f"Submitted batch job {job}")


def srun(folder: Path, arguments: list[str]) -> None:
    """Run a command in every task of a job, on one node. If one fails, the others are ended."""
    options = [word for word in arguments if word.startswith("--")]
    assert "--kill-on-bad-exit=1" in options
    files = {name: arguments[arguments.index(name) + 1] for name in ("--output", "--error")}
    command = arguments[arguments.index("--cpus-per-task=1") + 1 :]
    size, job = int(os.environ["SLURM_NTASKS"]), os.environ["SLURM_JOB_ID"]
    tasks = []
    for rank in range(size):
        step = {
            "SLURM_STEP_ID": "0",
            "SLURM_STEP_NUM_TASKS": str(size),
            "SLURM_PROCID": str(rank),
            "SLURM_LOCALID": str(rank),
            "SLURM_NODEID": "0",
            "SLURM_STEP_TASKS_PER_NODE": str(size),
            "SLURM_STEP_NODELIST": "localhost",
            "SLURM_JOB_NUM_NODES": "1",
        }
        paths = [files[name].replace("%j", job).replace("%t", str(rank)) for name in ("--output", "--error")]
        out, err = (os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND) for path in paths)
        tasks.append(subprocess.Popen(command, env={**os.environ, **step}, stdout=out, stderr=err))
    while any(task.poll() is None for task in tasks):
        if any(task.poll() for task in tasks):
            for task in tasks:
                task.terminate()
        time.sleep(0.1)
    sys.exit(max(abs(task.wait()) for task in tasks))


def scontrol(folder: Path, arguments: list[str]) -> None:
    """Note what is asked."""
    with (folder / "asked").open("a") as file:
        file.write(" ".join(arguments) + "\n")


def sacct(folder: Path, arguments: list[str]) -> None:
    """Know nothing of any job."""
