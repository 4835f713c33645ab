"""Work for the processes of tests/cli/test_launchers.py, which import it by name: without torch, they start quickly."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

from egotap_pl.cli.grids.job_call import Outcome


@dataclass(frozen=True)
class Noting:
    """Notes when it ran, and which GPU it saw; the second job takes long."""

    folder: Path
    number: int
    die: bool = False

    def __call__(self) -> Outcome:
        if self.die:
            os._exit(3)
        note = self.folder / f"{self.number}"
        note.with_suffix(".gpu").write_text(os.environ.get("CUDA_VISIBLE_DEVICES", "none"))
        deadline = time.monotonic() + 120
        while self.number == 1 and not (self.folder / "3.gpu").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        return Outcome(float(self.number))
