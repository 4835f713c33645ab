"""`egotap show`: draws frames of prepared data with their labels and target heatmaps."""

from __future__ import annotations

from pathlib import Path

from omegaconf import DictConfig

from egotap_pl.cli.configuration.composing import plain
from egotap_pl.cli.screen import printable
from egotap_pl.core.errors import EgotapError
from egotap_pl.core.messages import RESULT
from egotap_pl.engine.datasets import check_split
from egotap_pl.engine.showing import MOST_FRAMES, show


def main(config: DictConfig) -> None:
    """Draw the picture, and print what it cannot show."""
    settings = plain(config)
    check_split(split := settings["split"])
    frames = settings["frames"]
    if type(frames) is not int or not 1 <= frames <= MOST_FRAMES:
        raise EgotapError(f"frames={frames}: must be a number from 1 to {MOST_FRAMES}")
    output = Path(settings["output"])
    if output.suffix != ".png":
        raise EgotapError(f"output={output}: must end in .png")
    for line in show(Path(settings["store"]), split, frames, output):
        RESULT.print(printable(line), markup=False, soft_wrap=True)
    RESULT.print(f"picture  {output}", soft_wrap=True)
