"""Stages: work whose result is found again by a fingerprint of exactly what determines it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from egotap_pl.core import locks
from egotap_pl.core.atomic import SUFFIX, write_json
from egotap_pl.core.messages import say
from egotap_pl.engine.build import Spec, write_yaml
from egotap_pl.engine.launch import ERROR

DONE = "done.json"


def fingerprint(spec: object) -> str:
    """SHA-256 of plain containers; the order of keys does not matter."""
    return hashlib.sha256(json.dumps(spec, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


@dataclass(frozen=True)
class Stage:
    """Work to be done once, in a folder of its own."""

    title: str
    """What the user is told."""

    spec: Spec
    """Everything that determines the result and nothing else: no paths, devices or numbers of workers. The version of
    the code is not part of it."""

    folder: Path
    lock: Path
    """The file that a job locks while it does the work."""

    record: str
    """Name of a YAML file in the folder that says what the work is."""

    content: Spec
    """Content of that file."""

    def ensure(self, work: Callable[[Path], None]) -> Path:
        """Do the work unless it is done; while another job does it, wait.

        Args:
            work: called with the folder, in which an interrupted attempt may have left its files.

        Returns:
            The folder.
        """
        self.lock.parent.mkdir(parents=True, exist_ok=True)
        with held(self.lock, self.title):
            if is_done(self.folder):
                say(f"{self.title}: already there, {self.folder}")
                return self.folder
            self.folder.mkdir(exist_ok=True)
            clear_leftovers(self.folder)
            write_yaml(self.folder / self.record, self.content)
            work(self.folder)
            mark_done(self.folder, self.spec)
        return self.folder


def shared_stage(title: str, spec: Spec, root: Path) -> Stage:
    """A stage that experiments share.

    Args:
        title: what it is, for the user and for the folder's name.
        spec: see `Stage`.
        root: folder of all stages.
    """
    folder = root / f"{title.replace(' ', '-')}-{fingerprint(spec)[:12]}"
    return Stage(title, spec, folder, folder.with_suffix(".lock"), "spec.yaml", spec)


def is_done(folder: Path) -> bool:
    """Whether a folder's work was finished."""
    return (folder / DONE).is_file()


def mark_done(folder: Path, spec: Spec) -> None:
    """Say in the folder that the work of a spec is finished."""
    write_json(folder / DONE, {"fingerprint": fingerprint(spec)})


def clear_leftovers(folder: Path) -> None:
    """Remove what nobody reads from a folder in which work goes on.

    These are files that a process was writing, or messages that it did not hand over, when it was killed, and
    checkpoints that Lightning wrote for SLURM.

    Args:
        folder: of a stage or a run. Its lock is held, so no other process is writing in it.
    """
    for pattern in (f".*{SUFFIX}", f"*/.*{SUFFIX}", ERROR, "hpc_ckpt_*.ckpt"):
        for path in folder.glob(pattern):
            path.unlink()


def held(path: Path, what: str) -> AbstractContextManager[None]:
    """Hold the lock file ``path``. While another job holds it, tell the user and wait."""
    return locks.held(path, lambda: say(f"{what}: another job is working on this; waiting for its result ({path})"))
