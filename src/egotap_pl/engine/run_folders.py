"""Run folders: runs/<experiment>/<data>/<time, or the overrides of a sweep's job>."""

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


def run_stage(title: str, identity: Spec, parent: Path, name: str | None, config: Spec, command: Command) -> Stage:
    """A run as a stage whose folder is the run's.

    Args:
        title: what is trained.
        identity: everything that determines the run's result.
        parent: runs/<experiment>/<data>.
        name: wished name of a new folder; None: the time.
        config: the resolved configuration.
        command: what the user asked for.
    """
    parent.mkdir(parents=True, exist_ok=True)
    with held(parent / ".lock", "runs"):
        folder = find_or_make_run(parent, name, fingerprint(identity), command)
    return Stage(title, identity, folder, folder / ".lock", "config.yaml", config)


def find_or_make_run(parent: Path, name: str | None, fingerprint: str, command: Command | None = None) -> Path:
    """The folder of the run with this fingerprint: an earlier one, finished or interrupted, or a new one.

    A run whose file is damaged cannot be found; it is named on the screen, and the others are looked through.

    Args:
        parent: runs/<experiment>/<data>. Its lock is held.
        name: wished name of a new folder; None: the time.
        fingerprint: of everything that determines the run's result.
        command: what the user asked for; kept in a new folder's run.json.
    """
    parent.mkdir(parents=True, exist_ok=True)
    for leftover in parent.glob(f".*{SUFFIX}"):
        shutil.rmtree(leftover)
    for entry in sorted(parent.glob(f"*/{ENTRY}")):
        if _fingerprint(entry) == fingerprint:
            return entry.parent
    wished = folder_name(name) if name else f"{datetime.now():%Y-%m-%d_%H-%M-%S}"
    folder, again = parent / wished, 1
    while _is_taken(folder):  # by another run of that name, with another configuration
        again += 1
        folder = parent / f"{wished}-{again}"
    command = command or Command()
    asked = {"choices": dict(command.choices), "overrides": list(command.overrides)}
    _make(folder, {"fingerprint": fingerprint, **asked})
    return folder


def _make(folder: Path, entry: Spec) -> None:
    """Make a folder that has its run.json from the beginning. A killed process leaves one that is removed later."""
    temporary = folder.with_name(f".{folder.name}.{os.getpid()}{SUFFIX}")
    temporary.mkdir()
    write_json(temporary / ENTRY, entry, durable=True)
    if folder.exists():
        shutil.rmtree(folder)
    temporary.replace(folder)


def _is_taken(folder: Path) -> bool:
    """Whether a file or folder has this name; a folder that a killed process left without any file does not count."""
    if not folder.is_dir():
        return folder.exists()
    return any(not path.name.endswith(SUFFIX) for path in folder.iterdir())


def _fingerprint(entry: Path) -> Any:
    try:
        return json.loads(entry.read_text(encoding="utf-8"))["fingerprint"]
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        say(f"{entry} cannot be read: this run is passed over; delete its folder if you do not need it")
        return None


def folder_name(overrides: str) -> str:
    """Overrides as a folder's name: ``lifter/encoder=cnn,seed=1`` to ``lifter.encoder=cnn,seed=1``."""
    return re.sub(r"[^\w.,=+-]", ".", overrides)[:200]
