"""From a data configuration to a prepared frame store."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from egotap_pl.cli.config import build
from egotap_pl.cli.console import PROGRESS, say
from egotap_pl.data.prepare import prepare
from egotap_pl.data.schema import fingerprint_of


def ensure_data(data: dict[str, Any], root: Path) -> tuple[Path, str]:
    """Prepare the configured data unless they are there.

    Args:
        data: the resolved ``data`` node: ``name``, ``source``, ``codec``, ``workers``, ``folder``.
        root: where prepared data live, each in a folder named after its fingerprint.

    Returns:
        The folder with a store per split, and the fingerprint of the frames in it.
    """
    source, codec = build(data["source"]), build(data["codec"])
    name = f"{data['name']}-{fingerprint_of(source.identity(), codec)[:12]}"
    folder = Path(data["folder"]) if data["folder"] else root / name
    report = prepare(source, folder, codec, data["workers"], console=PROGRESS)
    frames = ", ".join(f"{split.frames} {split.split}" for split in report.splits)
    skipped = sum(split.skipped for split in report.splits)
    speed = f" at {report.frames_per_second:.0f} frames/s" if report.frames_per_second else ", already there"
    say(f"{data['name']}: {frames} frames{f', {skipped} left out' if skipped else ''}{speed}, {folder}")
    return folder, report.fingerprint
