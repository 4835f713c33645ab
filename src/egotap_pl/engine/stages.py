"""Stages: cached work that is found again by the fingerprint of everything that determines its result."""

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
"""File in a folder whose work is finished."""


def fingerprint(spec: object) -> str:
    """SHA-256 of plain containers. The order of keys does not matter."""
    return hashlib.sha256(json.dumps(spec, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


@dataclass(frozen=True)
class Stage:
    """Work that is done once, in its own folder."""

    title: str
    """Name of the work on the screen."""

    spec: Spec
    """Everything that determines the result and nothing else: no paths, devices or numbers of workers, and not the
    version of the code."""

    folder: Path
    """Folder of the work and its result."""

    lock: Path
    """File that a job locks while it does the work."""

    record: str
    """Name of a YAML file in the folder that describes the work."""

    content: Spec
    """Content of that file."""

    def ensure(self, work: Callable[[Path], None]) -> Path:
        """Do the work unless it is finished. While another job is doing it, wait.

        Args:
            work: does the work in the folder that it is called with, which may contain files of an interrupted attempt.

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
        title: name of the work on the screen and, with dashes, of the folder.
        spec: see `Stage`.
        root: folder of all stages.
    """
    folder = shared_folder(title, spec, root)
    return Stage(title, spec, folder, folder.with_suffix(".lock"), "spec.yaml", spec)


def shared_folder(title: str, spec: Spec, root: Path) -> Path:
    """The folder of a stage that experiments share; see `shared_stage`."""
    return root / f"{title.replace(' ', '-')}-{fingerprint(spec)[:12]}"


def is_done(folder: Path) -> bool:
    """Whether a folder's work was finished."""
    return (folder / DONE).is_file()


def mark_done(folder: Path, spec: Spec) -> None:
    """Write to the folder that the work of a spec is finished."""
    write_json(folder / DONE, {"fingerprint": fingerprint(spec)})


def clear_leftovers(folder: Path) -> None:
    """Remove files that are of no use from the folder of an interrupted stage or run.

    These are files that a process was writing when it was killed, error messages that its parent did not read, and
    checkpoints that Lightning wrote for SLURM. The caller holds the folder's lock: no other process writes in it.
    """
    for pattern in (f".*{SUFFIX}", f"*/.*{SUFFIX}", ERROR, "hpc_ckpt_*.ckpt"):
        for path in folder.glob(pattern):
            path.unlink()


def held(path: Path, what: str) -> AbstractContextManager[None]:
    """Hold the lock file ``path`` during the block. If another job holds it, say so (``what`` is the work) and wait."""
    return locks.held(path, lambda who: say(f"{what}: another job is working on this; waiting for its result ({who})"))
