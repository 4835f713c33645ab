"""What figures and the viewer are made of besides predictions: frames and trained networks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

import lightning as L

from egotap_pl.analysis.runs import Run
from egotap_pl.analysis.variants import Condition
from egotap_pl.core.errors import EgotapError
from egotap_pl.data.store.paths import store_path
from egotap_pl.data.store.reader import FrameStore
from egotap_pl.engine.checkpoints.loading import load_task
from egotap_pl.engine.datasets import find_data
from egotap_pl.report.costs import CostReader
from egotap_pl.report.studies import Studies, find_studies


class Material:
    """Studies of runs, with the frames and networks that belong to them; a context manager, which closes the files.

    What cannot be had is never raised: it gets a line in ``missing``.

    Args:
        conditions: runs by condition, of any data sets.
        data: folder of prepared data, where the runs' frame stores are looked for.
        trust: packages whose classes the runs' checkpoints may name.
        costs: finds what runs cost; None: a new one.
    """

    missing: list[str]
    """What cannot be shown, and why: a line each."""

    studies: Studies
    """What the runs allow to compare."""

    def __init__(
        self, conditions: Sequence[Condition], data: Path, trust: Sequence[str], costs: CostReader | None = None
    ) -> None:
        self.data, self.trust = data, tuple(trust)
        self.missing = []
        self.costs = costs or CostReader(self.trust)
        self.studies = find_studies(conditions, self.trust, self.missing)
        self._stores: dict[tuple[str, str], FrameStore | None] = {}

    def __enter__(self) -> Material:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for store in self._stores.values():
            if store is not None:
                store.close()

    def store_of(self, run: Run) -> FrameStore | None:
        """The frames that a run was tested on, or None."""
        key = (str(run.metrics["dataset_fingerprint"]), str(run.metrics["split"]))
        if key not in self._stores:
            self._stores[key] = None
            with self.passing_over(f"Images and heatmaps of {run.dataset}"):
                self._stores[key] = self._open(*key, run)
        return self._stores[key]

    def task_of(self, run: Run, purpose: str) -> L.LightningModule | None:
        """A run's trained task in evaluation mode, or None.

        Args:
            run: a finished run.
            purpose: what cannot be shown without the task.
        """
        with self.passing_over(f"{purpose} ({run.experiment}, seed {run.seed})"):
            return load_task(run.checkpoint, self.trust)[0].eval()
        return None

    @contextmanager
    def passing_over(self, what: str, errors: type[Exception] = EgotapError) -> Iterator[None]:
        """Turns an error inside the block into a line of ``missing``.

        Args:
            what: what cannot be shown then.
            errors: `Exception` around code of the user's own, which may fail in any way.
        """
        try:
            yield
        except errors as error:
            kind = "" if isinstance(error, EgotapError) else f"{type(error).__name__}: "
            self.missing.append(f"{what}: {kind}{error}")

    def _open(self, fingerprint: str, split: str, run: Run) -> FrameStore:
        folder = find_data(self.data, fingerprint, run.setting("data.folder"))
        if folder is None:
            raise EgotapError(
                f"there is no frame store with the fingerprint {fingerprint[:12]} in {self.data}; egotap prepare makes "
                "it again"
            )
        store = FrameStore(store_path(folder, split))
        if run.is_lifting and len(run.predictions) and run.predictions.row.max() >= len(store):
            raise EgotapError(f"{store.path} has {len(store)} frames, fewer than the predictions in {run.folder}")
        return store
