"""Stages: work whose result is found again by a fingerprint of exactly what determines it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from egotap_pl.core import locks
from egotap_pl.core.atomic import SUFFIX, write_json
from egotap_pl.core.messages import say
from egotap_pl.engine.build import write_yaml
from egotap_pl.engine.launch import ERROR

DONE = "done.json"


def fingerprint(spec: Any) -> str:
    """SHA-256 of a plain spec; the order of keys does not matter."""
    return hashlib.sha256(json.dumps(spec, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


@dataclass(frozen=True)
class Stage:
    """Work to be done once.

    Args:
        kind: what it is, for the folder's name and the screen.
        spec: everything that determines the result and nothing else: no paths, devices or numbers of workers. The
            version of the code is not part of it.
        root: folder in which stages live.
    """

    kind: str
    spec: dict[str, Any]
    root: Path

    @property
    def folder(self) -> Path:
        """Where the result is."""
        return self.root / f"{self.kind.replace(' ', '-')}-{fingerprint(self.spec)[:12]}"

    def ensure(self, work: Callable[[Path], None]) -> Path:
        """Do the work unless it is done; while another job does it, wait.

        Args:
            work: called with the folder, in which an interrupted earlier attempt may have left its files.

        Returns:
            The folder.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        with held(self.folder.with_suffix(".lock"), self.kind):
            if is_done(self.folder):
                say(f"{self.kind}: already there, {self.folder}")
                return self.folder
            self.folder.mkdir(exist_ok=True)
            clear_leftovers(self.folder)
            write_yaml(self.folder / "spec.yaml", self.spec)
            work(self.folder)
            mark_done(self.folder, self.spec)
        return self.folder


def is_done(folder: Path) -> bool:
    """Whether a folder's work was finished."""
    return (folder / DONE).is_file()


def mark_done(folder: Path, spec: dict[str, Any]) -> None:
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
    """Hold the lock file ``path``; where another job holds it, say so and wait."""
    return locks.held(path, lambda: say(f"{what}: another job is at it; waiting for its result ({path})"))
