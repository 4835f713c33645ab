"""Run folders: runs/<experiment>/<data>/<time, or the overrides of a grid's job>."""

from __future__ import annotations

import json
import os
import re
import shutil
from datetime import datetime
from pathlib import Path
from typing import Any

from egotap_pl.core.atomic import SUFFIX, write_json
from egotap_pl.core.messages import say
from egotap_pl.engine.build import Spec
from egotap_pl.engine.labels import Command
from egotap_pl.engine.stages import Stage, fingerprint, held

ENTRY = "run.json"
"""File in a run's folder with the run's fingerprint and the user's command."""


def run_stage(title: str, identity: Spec, parent: Path, name: str | None, config: Spec, command: Command) -> Stage:
    """A run as a stage that works in the run's folder.

    Args:
        title: name of the run on the screen.
        identity: everything that determines the run's result.
        parent: runs/<experiment>/<data>.
        name: name for a new folder; None: the time.
        config: the resolved configuration.
        command: the user's command.
    """
    parent.mkdir(parents=True, exist_ok=True)
    with held(parent / ".lock", "runs"):
        folder = find_or_make_run(parent, name, fingerprint(identity), command)
    return Stage(title, identity, folder, folder / ".lock", "config.yaml", config)


def find_or_make_run(parent: Path, name: str | None, fingerprint: str, command: Command | None = None) -> Path:
    """The folder of the run with this fingerprint: that of an earlier run, finished or interrupted, or a new one.

    Runs whose run.json is damaged are named on the screen and passed over.

    Args:
        parent: runs/<experiment>/<data>. The caller holds its lock.
        name: name for a new folder; None: the time. A number is added if the name is taken.
        fingerprint: fingerprint of everything that determines the run's result.
        command: the user's command, stored in a new folder's run.json.
    """
    parent.mkdir(parents=True, exist_ok=True)
    for leftover in parent.glob(f".*{SUFFIX}"):
        shutil.rmtree(leftover)
    for entry in sorted(parent.glob(f"*/{ENTRY}")):
        if _fingerprint(entry) == fingerprint:
            return entry.parent
    stem = folder_name(name) if name else f"{datetime.now():%Y-%m-%d_%H-%M-%S}"
    folder, number = parent / stem, 1
    while _is_taken(folder):  # by a run with another configuration
        number += 1
        folder = parent / f"{stem}-{number}"
    command = command or Command()
    words = {"choices": dict(command.choices), "overrides": list(command.overrides)}
    _create(folder, {"fingerprint": fingerprint, **words})
    return folder


def _create(folder: Path, entry: Spec) -> None:
    """Create a folder together with its run.json. If the process is killed, the next run removes what is left."""
    temporary = folder.with_name(f".{folder.name}.{os.getpid()}{SUFFIX}")
    temporary.mkdir()
    write_json(temporary / ENTRY, entry, durable=True)
    if folder.exists():
        shutil.rmtree(folder)
    temporary.replace(folder)


def _is_taken(folder: Path) -> bool:
    """Whether a file or folder has this name. The empty folder of a process that was killed does not count."""
    if not folder.is_dir():
        return folder.exists()
    return any(not path.name.endswith(SUFFIX) for path in folder.iterdir())


def _fingerprint(entry: Path) -> Any:
    try:
        return json.loads(entry.read_text(encoding="utf-8"))["fingerprint"]
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        say(f"{entry} cannot be read: ignoring this run; delete its folder if you do not need it")
        return None


def folder_name(overrides: str) -> str:
    """The name of a folder for overrides.

    >>> folder_name("lifter/encoder=cnn,seed=1")
    'lifter.encoder=cnn,seed=1'
    """
    return re.sub(r"[^\w.,=+-]", ".", overrides)[:200]
