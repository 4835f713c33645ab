"""`egotap doctor`: what this installation has and lacks, or whether prepared data are sound."""

from __future__ import annotations

from pathlib import Path

from omegaconf import DictConfig

from egotap_pl.cli.configuration.composing import plain
from egotap_pl.cli.screen import printable
from egotap_pl.core.errors import EgotapError
from egotap_pl.core.messages import PROGRESS, RESULT
from egotap_pl.data.recordings.gaps import ranges
from egotap_pl.data.store.checking import check_stores
from egotap_pl.data.store.reader import REMEDY
from egotap_pl.engine.doctor import examine
from egotap_pl.engine.settings import Paths


def main(config: DictConfig) -> None:
    """Print the findings, a line each; with ``store``, those about the frames of prepared data."""
    settings = plain(config)
    if settings["store"] is not None:
        _check(Path(str(settings["store"])).absolute())
        return
    folders = settings["paths"]
    for finding in examine(Paths(**{name: Path(folders[name]) for name in ("data", "stages", "runs")})):
        line = f"{finding.topic:<12}{finding.text}"
        RESULT.print(
            printable(line + (f"  ->  {finding.advice}" if finding.advice else "")), markup=False, soft_wrap=True
        )


def _check(place: Path) -> None:
    """Check prepared data, and print a line for each split.

    Raises:
        EgotapError: if any are damaged.
    """
    faults = []
    for store in check_stores(place, PROGRESS):
        state = f"{store.frames} frames, all sound"
        if store.damaged:
            state = f"{len(store.damaged)} of {store.frames} frames are damaged: {ranges(store.damaged)}"
        elif store.fault:
            state = "damaged as a whole"
        RESULT.print(printable(f"{store.path.name:<16}{state}"), markup=False, soft_wrap=True)
        if store.fault:
            faults.append(store.fault.removesuffix(f"; {REMEDY}"))
    if faults:
        lines = "\n".join(faults)
        raise EgotapError(
            f"{lines}\nTo make them again: egotap prepare with the options of the data and overwrite=true, which keeps "
            "sound stores and renames damaged ones. Or copy the files again."
        )
