"""Run folders: runs/<experiment>/<data>/<time, or the overrides of a sweep's job>."""

from __future__ import annotations

import json
import re
from datetime import datetime
from pathlib import Path

from egotap_pl.core.atomic import write_json
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


def find_or_make_run(parent: Path, name: str | None, fingerprint: str, command: Command) -> Path:
    """The folder of the run with this fingerprint: an earlier one, finished or interrupted, or a new one.

    Args:
        parent: runs/<experiment>/<data>.
        name: wished name of a new folder; None: the time.
        fingerprint: of everything that determines the run's result.
        command: what the user asked for; kept in a new folder's run.json.
    """
    parent.mkdir(parents=True, exist_ok=True)
    for entry in sorted(parent.glob(f"*/{ENTRY}")):
        if json.loads(entry.read_text(encoding="utf-8"))["fingerprint"] == fingerprint:
            return entry.parent
    wished = folder_name(name) if name else f"{datetime.now():%Y-%m-%d_%H-%M-%S}"
    folder, again = parent / wished, 1
    while folder.exists():  # another run of that name, with another configuration: it is not touched
        again += 1
        folder = parent / f"{wished}-{again}"
    folder.mkdir()
    asked = {"choices": dict(command.choices), "overrides": list(command.overrides)}
    write_json(folder / ENTRY, {"fingerprint": fingerprint, **asked})
    return folder


def folder_name(overrides: str) -> str:
    """Overrides as a folder's name: ``lifter/encoder=cnn,seed=1`` to ``lifter.encoder=cnn,seed=1``."""
    return re.sub(r"[^\w.,=+-]", ".", overrides)[:200]
