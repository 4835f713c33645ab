"""`egotap export`: writes a checkpoint's network as an ONNX file, or its weights as a small checkpoint."""

from __future__ import annotations

from pathlib import Path

from omegaconf import DictConfig

from egotap_pl.cli.configuration.composing import plain
from egotap_pl.core.messages import RESULT
from egotap_pl.engine.checkpoints.allowlist import entries
from egotap_pl.engine.checkpoints.files import checkpoint_path
from egotap_pl.engine.checkpoints.publishing import SUFFIX, publish_weights
from egotap_pl.engine.exporting import OUTPUT, export


def main(config: DictConfig) -> None:
    """Export the checkpoint's network or its weights, as the output's name says."""
    settings = plain(config)
    checkpoint, output = checkpoint_path(settings["checkpoint"]), Path(settings["output"])
    if output.suffix.lower() == SUFFIX:
        publish_weights(checkpoint, output)
        sizes = (f"{path.stat().st_size / 1e6:.1f} MB" for path in (checkpoint, output))
        RESULT.print(f"weights alone, in half precision ({', now '.join(sizes)})  {output}", soft_wrap=True)
        return
    inputs = export(checkpoint, output, settings["part"], entries(settings["trust"]))
    RESULT.print(f"{', '.join(inputs)} to {OUTPUT}  {output}", soft_wrap=True)
