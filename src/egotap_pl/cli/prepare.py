"""`egotap prepare`: source files, or the renderer, to a frame store."""

from __future__ import annotations

from pathlib import Path

from omegaconf import DictConfig

from egotap_pl.cli.config import application, plain
from egotap_pl.cli.datasets import ensure_data


@application("prepare")
def main(config: DictConfig) -> None:
    """Prepare the configured data set."""
    ensure_data(plain(config.data), Path(config.paths.data))
