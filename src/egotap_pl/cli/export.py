"""`egotap export`: writes a checkpoint's network as an ONNX file."""

from __future__ import annotations

from pathlib import Path

from omegaconf import DictConfig

from egotap_pl.cli.composing import plain
from egotap_pl.core.messages import RESULT
from egotap_pl.engine.allowlist import entries
from egotap_pl.engine.checkpoint_files import checkpoint_path
from egotap_pl.engine.exporting import OUTPUT, export


def main(config: DictConfig) -> None:
    """Export the checkpoint's network."""
    settings = plain(config)
    checkpoint, output = checkpoint_path(settings["checkpoint"]), Path(settings["output"])
    inputs = export(checkpoint, output, settings["part"], entries(settings["trust"]))
    RESULT.print(f"{', '.join(inputs)} to {OUTPUT}  {output}", soft_wrap=True)
