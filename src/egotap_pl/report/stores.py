"""What the figures of a report need beside predictions: frames and trained networks."""

from __future__ import annotations

from pathlib import Path

import lightning as L

from egotap_pl.analysis.runs import Run
from egotap_pl.core.errors import EgotapError
from egotap_pl.data.preparation.prepare import store_path
from egotap_pl.data.store.reader import FrameStore
from egotap_pl.engine.checkpoints import load_task
from egotap_pl.engine.datasets import find_data


class Stores:
    """Frame stores of runs, each looked for once.

    Args:
        root: where prepared data live.
        missing: gets a line for every store that is not there.
    """

    def __init__(self, root: Path, missing: list[str]) -> None:
        self.root, self.missing = root, missing
        self._found: dict[tuple[str, str], FrameStore | None] = {}

    def __call__(self, run: Run) -> FrameStore | None:
        """The frames that a run was tested on, None if they are not there."""
        fingerprint, split = str(run.metrics["dataset_fingerprint"]), str(run.metrics["split"])
        if (fingerprint, split) not in self._found:
            folder = find_data(self.root, fingerprint)
            if folder is None:
                self.missing.append(
                    f"images and heatmaps of {run.dataset}: no frame store with the fingerprint {fingerprint[:12]} in "
                    f"{self.root}; egotap prepare makes it again"
                )
            self._found[fingerprint, split] = None if folder is None else FrameStore(store_path(folder, split))
        return self._found[fingerprint, split]


def task_of(run: Run, trust: tuple[str, ...], missing: list[str], wanted: str) -> L.LightningModule | None:
    """A run's trained task in evaluation mode; None, and a line in ``missing``, if it cannot be had.

    Args:
        run: the run.
        trust: packages whose classes its checkpoint may name.
        missing: gets the line.
        wanted: what cannot be shown without it.
    """
    try:
        return load_task(run.checkpoint, trust)[0].eval()
    except EgotapError as error:
        missing.append(f"{wanted} ({run.experiment}, seed {run.seed}): {error}")
        return None
