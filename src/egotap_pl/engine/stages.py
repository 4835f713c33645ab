"""Stages: cached work that is found again by the fingerprint of everything that determines its result."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from pathlib import Path

from egotap_pl.core import locks
from egotap_pl.core.atomic import SUFFIX, at, write_json
from egotap_pl.core.messages import say
from egotap_pl.engine.build import Spec, is_mapping, write_yaml
from egotap_pl.engine.processes.launch import ERROR
from egotap_pl.engine.runs.finished import DONE, LOG, TRAINED, checksums, faults, read_done


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

    results: tuple[str, ...]
    """Names of the files that the finished work must have."""

    def ensure(self, work: Callable[[Path], None]) -> Path:
        """Do the work unless it is finished. While another job is doing it, wait.

        Of a finished work, files that are missing or damaged are made again.

        Args:
            work: does the work in the folder that it is called with, which may contain files of an interrupted attempt.

        Returns:
            The folder.
        """
        self.lock.parent.mkdir(parents=True, exist_ok=True)
        with held(self.lock, self.title):
            if is_done(self.folder) and self._is_whole():
                say(f"{self.title}: already there, {self.folder}")
                return self.folder
            with at(self.folder):
                self.folder.mkdir(exist_ok=True)
                clear_leftovers(self.folder)
                write_yaml(self.folder / self.record, self.content)
                work(self.folder)
                mark_done(self.folder, self.spec)
        return self.folder

    def _is_whole(self) -> bool:
        """Whether the finished work has all its results. Those that are damaged are removed, to be made again."""
        is_whole = True
        for path, fault in faults(self.folder, self.results):
            if path.name == LOG:
                say(f"{self.title}: {path} {fault}; the results are not affected. Delete {path.parent} to train again")
                continue
            say(f"{self.title}: {path} {fault}; making it again")
            for file in (self.folder / DONE, path):
                file.unlink(missing_ok=True)
            is_whole = False
        if is_whole and not is_mapping(self.folder / self.record):
            say(f"{self.title}: {self.folder / self.record} is missing or damaged; writing it again")
            with suppress(OSError):  # a read-only disk: nothing needs the file now
                write_yaml(self.folder / self.record, self.content)
        return is_whole


def shared_stage(title: str, spec: Spec, root: Path, results: tuple[str, ...] = TRAINED) -> Stage:
    """A stage that experiments share.

    Args:
        title: name of the work on the screen and, with dashes, of the folder.
        spec: see `Stage`.
        root: folder of all stages.
        results: see `Stage`.
    """
    folder = shared_folder(title, spec, root)
    return Stage(title, spec, folder, folder.with_suffix(".lock"), "spec.yaml", spec, results)


def shared_folder(title: str, spec: Spec, root: Path) -> Path:
    """The folder of a stage that experiments share; see `shared_stage`."""
    return root / f"{title.replace(' ', '-')}-{fingerprint(spec)[:12]}"


def is_done(folder: Path) -> bool:
    """Whether a folder's work was finished."""
    return read_done(folder) is not None


def mark_done(folder: Path, spec: Spec) -> None:
    """Write to the folder that the work of a spec is finished, with the checksums of its files."""
    write_json(folder / DONE, {"fingerprint": fingerprint(spec), "files": checksums(folder)}, durable=True)


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
