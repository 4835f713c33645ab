"""`egotap view FILE`: shows a run, predictions, poses or a frame store in the browser."""

from __future__ import annotations

import tempfile
import webbrowser
from pathlib import Path

from omegaconf import DictConfig

from egotap_pl.cli.configuration.composing import plain
from egotap_pl.cli.screen import printable
from egotap_pl.core.messages import PROGRESS, RESULT
from egotap_pl.engine.checkpoints.allowlist import entries
from egotap_pl.report.viewing import ViewOptions, write_view


def main(config: DictConfig) -> None:
    """Write the page, and open it unless ``open=false``."""
    settings = plain(config)
    path = Path(str(settings["input"]))
    options = ViewOptions(
        settings["frames"], settings["split"], Path(settings["paths"]["data"]), entries(settings["trust"])
    )
    if settings["output"] is None:
        output = Path(tempfile.mkdtemp(prefix="egotap-view-")) / f"{path.resolve().stem or 'view'}.html"
    else:
        output = Path(str(settings["output"]))
    for line in write_view(path, output, options):
        PROGRESS.print(f"missing: {printable(line)}", markup=False, soft_wrap=True)
    RESULT.print(f"page  {output}", soft_wrap=True)
    if settings["open"] and not webbrowser.open(output.resolve().as_uri()):
        PROGRESS.print("no browser was found: open the page yourself", soft_wrap=True)
