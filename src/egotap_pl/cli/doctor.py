"""`egotap doctor`: what this installation has and lacks."""

from __future__ import annotations

from pathlib import Path

from omegaconf import DictConfig

from egotap_pl.cli.composing import plain
from egotap_pl.cli.screen import printable
from egotap_pl.core.messages import RESULT
from egotap_pl.engine.doctor import examine
from egotap_pl.engine.settings import Paths


def main(config: DictConfig) -> None:
    """Print the findings, a line each."""
    folders = plain(config)["paths"]
    for finding in examine(Paths(**{name: Path(folders[name]) for name in ("data", "stages", "runs")})):
        line = f"{finding.topic:<12}{finding.text}"
        RESULT.print(
            printable(line + (f"  ->  {finding.advice}" if finding.advice else "")), markup=False, soft_wrap=True
        )
