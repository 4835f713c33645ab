"""Run folders: runs/<experiment>/<data>/<time, or the overrides of a sweep's job>."""

from __future__ import annotations

import json
import re
from datetime import datetime
from pathlib import Path

from egotap_pl.core.atomic import write_json

ENTRY = "run.json"


def find_or_make_run(parent: Path, name: str | None, fingerprint: str) -> Path:
    """The folder of the run with this fingerprint: an earlier one, finished or interrupted, or a new one.

    Args:
        parent: runs/<experiment>/<data>.
        name: wished name of a new folder; None: the time.
        fingerprint: of everything that determines the run's result.
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
    write_json(folder / ENTRY, {"fingerprint": fingerprint})
    return folder


def folder_name(overrides: str) -> str:
    """Overrides as a folder's name: ``lifter/encoder=cnn,seed=1`` to ``lifter.encoder=cnn,seed=1``."""
    return re.sub(r"[^\w.,=+-]", ".", overrides)[:200]
