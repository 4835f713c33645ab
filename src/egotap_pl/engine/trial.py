"""A trial step of every training of an experiment, before the first begins: do its parts fit together?"""

from __future__ import annotations

import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from egotap_pl.core.batch import Batch, DataFacts
from egotap_pl.core.errors import EgotapError
from egotap_pl.data.store.reader import FrameStore
from egotap_pl.engine.allowlist import targets
from egotap_pl.engine.fit import make_task
from egotap_pl.engine.settings import Settings, TrainingSpec
from egotap_pl.tasks import LiftingTask
from egotap_pl.tasks.lifter_inputs import check_uncached

_FRAMES = (0, 1)  # batch normalisation needs two


class Trial:
    """Tries the trainings of an experiment before the first of them begins.

    Args:
        settings: the experiment.
    """

    def __init__(self, settings: Settings) -> None:
        self._rest = dict(_trainings(settings))
        self._cached = bool(settings.heatmaps.cache and settings.heatmaps.estimators)

    @classmethod
    def none(cls) -> Trial:
        """A trial of nothing, where everything has been tried."""
        trial = cls.__new__(cls)
        trial._rest = {}
        return trial

    def before(self, title: str, store: FrameStore) -> None:
        """Try a training and all that follow it, unless they have been tried.

        A trial is one step on tensors without memory (torch's meta device). A step that fails there is run again on two
        real frames, since a network may do what the meta device cannot.

        Args:
            title: name of the training that is about to begin.
            store: its training frames.

        Raises:
            EgotapError: if a step fails; the message names the training, the classes, the error and its place.
        """
        titles = list(self._rest)
        rest = {name: self._rest[name] for name in titles[titles.index(title) :]} if title in titles else {}
        self._rest = {}
        for name, training in rest.items():
            if training.epochs:
                _try(name, training, store, self._cached)


def _trainings(settings: Settings) -> Iterator[tuple[str, TrainingSpec]]:
    """All trainings in their order, by their titles."""
    for kind, training in settings.estimators.items():
        yield f"{kind} estimator", training
    if settings.pretraining is not None:
        yield settings.pretraining.title, settings.pretraining.training
    if settings.probe is None or settings.probe.of is not None:
        yield "lifter", settings.training
    if settings.probe is not None:
        yield settings.probe.title, settings.probe.training


def _try(title: str, training: TrainingSpec, store: FrameStore, cached: bool) -> None:
    joints = len(store.skeleton.estimated_names)
    facts = DataFacts(store.skeleton, tuple(store.categories), torch.zeros(joints, 3), store.rig)
    batch = store.read(_FRAMES)
    try:
        with torch.device("meta"):
            _step(title, training, facts, batch, cached)
    except EgotapError:
        raise
    except Exception:  # of the network, or of what the meta device cannot do
        _confirm(title, training, facts, batch, cached)


def _confirm(title: str, training: TrainingSpec, facts: DataFacts, batch: Batch, cached: bool) -> None:
    """Run a step on real tensors, and turn its failure into a message."""
    state = torch.get_rng_state()
    try:
        _step(title, training, facts, batch, cached)
    except EgotapError:
        raise
    except Exception as error:
        raise EgotapError(
            f"{title}: a trial step failed, so parts of the configuration do not fit together "
            f"({', '.join(_parts(training))}). {type(error).__name__} in {_place(error)}: {error}"
        ) from error
    finally:
        torch.set_rng_state(state)


def _step(title: str, training: TrainingSpec, facts: DataFacts, batch: Batch, cached: bool) -> None:
    task = make_task(training.task, facts, title).train()
    if cached and isinstance(task, LiftingTask):
        check_uncached(task.input_names)
    with _unlogged():
        task.training_step(batch.on(torch.get_default_device()), 0)


@contextmanager
def _unlogged() -> Iterator[None]:
    """Without Lightning's warning that what a task logs goes nowhere."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*self.trainer.*", category=UserWarning)
        yield


def _parts(training: TrainingSpec) -> list[str]:
    """The classes of the task, of its networks and of all parts that are a user's own."""
    task: dict[str, Any] = training.task
    nodes = [task, *(task[key] for key in ("lifter", "estimator", "encoder", "heatmaps") if task.get(key))]
    networks = [str(node["_target_"]) for node in nodes if "_target_" in node]
    own = [name for name in targets(task) if not name.startswith(("egotap_pl.", "torch."))]
    return [name.rpartition(".")[2] for name in dict.fromkeys((*networks, *own))]


def _place(error: BaseException) -> str:
    """File and line of the innermost call outside of installed packages."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if "site-packages" not in frame.filename] or list(frames)
    return f"{Path(own[-1].filename).name}, line {own[-1].lineno}"
