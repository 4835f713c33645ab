"""A trial step of every training of an experiment, before the first begins: do its parts fit together?"""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, NamedTuple

import lightning as L
import torch

from egotap_pl.core.batch import FRAME_PX, NUM_VIEWS, Batch, DataFacts, Visibility
from egotap_pl.core.errors import EgotapError
from egotap_pl.data.augment import check_frames, check_heatmaps, made
from egotap_pl.data.source import Source
from egotap_pl.data.store.reader import FrameStore
from egotap_pl.engine.build import build
from egotap_pl.engine.checkpoints.allowlist import targets
from egotap_pl.engine.checkpoints.initial_weights import Misfit, Start, start_of
from egotap_pl.engine.checks.trial_values import culprits
from egotap_pl.engine.checks.unlearnt import check_learns, check_registered
from egotap_pl.engine.fit import make_task
from egotap_pl.engine.settings import Settings
from egotap_pl.engine.training_specs import TrainingSpec
from egotap_pl.tasks import LiftingTask
from egotap_pl.tasks.heatmap_sources import NoHeatmaps, TrueHeatmaps
from egotap_pl.tasks.lifter_inputs import check_uncached

_FRAMES = (0, 1)  # batch normalisation needs two


class Trial:
    """Tries the trainings of an experiment before the first of them begins.

    Args:
        settings: the experiment.
    """

    def __init__(self, settings: Settings) -> None:
        self._rest = {planned.title: planned for planned in trainings_of(settings)}
        self._cached = settings.heatmaps.is_cached

    @classmethod
    def none(cls) -> Trial:
        """A trial of nothing, where everything has been tried."""
        trial = cls.__new__(cls)
        trial._rest = {}
        return trial

    def before(self, title: str, store: FrameStore) -> None:
        """Try a training and all that follow it, unless they have been tried.

        Args:
            title: name of the training that is about to begin.
            store: its training frames.

        Raises:
            EgotapError: if a step fails (see `try_step`); where initial weights do not fit, the message has
                what to skip in each training.
        """
        titles = list(self._rest)
        rest = {name: self._rest[name] for name in titles[titles.index(title) :]} if title in titles else {}
        self._rest = {}
        sample = Sample.of(store)
        misfits: list[Misfit] = []
        for planned in rest.values():
            try:
                try_step(planned, sample, self._cached)
            except Misfit as misfit:
                misfits.append(misfit)
        if misfits:
            raise Misfit(misfits[0].reasons, [skip for misfit in misfits for skip in misfit.skips])


class Sample(NamedTuple):
    """Two frames to try trainings on."""

    facts: DataFacts
    """What is known of their data set; the mean pose is all zeros."""

    batch: Batch
    """The frames."""

    is_real: bool = True
    """Whether they are frames of the data."""

    @classmethod
    def of(cls, store: FrameStore) -> Sample:
        """The first frames of a store.

        Raises:
            EgotapError: if it has only one.
        """
        if len(store) < len(_FRAMES):
            raise EgotapError(f"{store.path}: has {len(store)} frames; training needs {len(_FRAMES)} or more")
        return cls(_facts(store), store.read(_FRAMES))

    @classmethod
    def blank(cls, source: Source[Any]) -> Sample:
        """Black images with random poses, of the sizes that a source's frames have. No frame is read or rendered."""
        px, joints, frames = source.image_px, source.skeleton.num_joints, len(_FRAMES)
        generator = torch.Generator().manual_seed(0)
        batch = Batch(
            images=torch.zeros(frames, NUM_VIEWS, 3, px, px, dtype=torch.uint8),
            points2d_px=FRAME_PX * torch.rand(frames, NUM_VIEWS, joints, 2, generator=generator),
            pose_cm=30 * torch.randn(frames, joints, 3, generator=generator),
            origin_cm=torch.tensor([0.0, 0.0, 60.0]).repeat(frames, NUM_VIEWS, 1),
            visibility=torch.full((frames, NUM_VIEWS, joints), Visibility.VISIBLE, dtype=torch.uint8),
            category=torch.zeros(frames, dtype=torch.int64),
            frame=torch.arange(frames),
        )
        return cls(_facts(source), batch, is_real=False)


def _facts(data: FrameStore | Source[Any]) -> DataFacts:
    joints = len(data.skeleton.estimated_names)
    return DataFacts(data.skeleton, tuple(data.categories), torch.zeros(joints, 3), data.rig)


class Planned(NamedTuple):
    """A training of an experiment."""

    title: str
    """Its name."""

    training: TrainingSpec
    """The training."""

    kind: str | None = None
    """The kind of heatmap that it estimates; None: it is not an estimator's."""

    def start(self) -> Start | None:
        """The weights that it starts from; None: random ones.

        Raises:
            EgotapError: if there is no such checkpoint.
        """
        return start_of(self.training.init, self.training.init_skip, self.kind)


def trainings_of(settings: Settings) -> Iterator[Planned]:
    """All trainings in their order."""
    for kind, training in settings.estimators.items():
        yield Planned(f"{kind} estimator", training, kind)
    if settings.pretraining is not None and not settings.training.init:  # which gives the lifter all its weights
        yield Planned(settings.pretraining.title, settings.pretraining.training)
    if settings.probe is None or settings.probe.of is not None:
        yield Planned("lifter", settings.training)
    if settings.probe is not None:
        yield Planned(settings.probe.title, settings.probe.training)


def try_step(planned: Planned, sample: Sample, cached: bool) -> None:
    """Try one step of a training, if it has any, and whether the weights that it starts from fit.

    It computes with tensors without memory (torch's meta device). If it fails there, it is run again on real tensors,
    since a network may do what the meta device cannot. With parts that are a user's own, it is run on real tensors
    at once: the meta device does not see all mistakes, such as numbers of two precisions in one product.

    Args:
        planned: the training.
        sample: the frames to try it on.
        cached: whether a lifter would read cached heatmaps in place of images.

    Raises:
        EgotapError: if the step fails; the message names the training, the classes, the error and its place.
    """
    start = planned.start()
    if not planned.training.epochs and start is None:
        return
    if planned.training.epochs and _own_parts(planned.training):
        task = _confirm(planned, sample, cached)
    else:
        try:
            with torch.device("meta"):
                task = _step(planned, sample, cached)
        except EgotapError:
            raise
        except Exception:  # of the network, or of what the meta device cannot do
            task = _confirm(planned, sample, cached)
    if start is not None:
        start.fitting(task)


def _confirm(planned: Planned, sample: Sample, cached: bool) -> L.LightningModule:
    """Run a step on real tensors, and turn its failure into a message."""
    state = torch.get_rng_state()
    try:
        return _step(planned, sample, cached)
    except EgotapError:
        raise
    except Exception as error:
        raise EgotapError(
            f"{planned.title}: a trial step failed, so parts of the configuration do not fit together "
            f"({', '.join(_parts(planned.training))}). {type(error).__name__} in {_place(error)}: {error}"
        ) from error
    finally:
        torch.set_rng_state(state)


def _step(planned: Planned, sample: Sample, cached: bool) -> L.LightningModule:
    """Make a training's task and, if it is to be trained, try a step of it. Returns the task."""
    training, facts = planned.training, sample.facts
    task = make_task(training.task, facts, planned.title).train()
    if not training.epochs:
        return task
    check_registered(task, planned.title)
    if isinstance(task, LiftingTask) and task.reads_heatmaps and isinstance(task.heatmaps, NoHeatmaps):
        raise EgotapError(
            f"{planned.title}: {type(task.lifter).__name__} reads heatmaps, and heatmaps=none gives it zeros: give "
            "heatmaps=estimated or heatmaps=truth, or a lifter that sees images alone"
        )
    reads_cache = cached and isinstance(task, LiftingTask)
    if reads_cache:
        check_uncached(task.input_names)
    if training.augment is not None:
        with torch.device("cpu"):  # cameras are compared, which tensors without memory cannot be
            augmentation = made(build(training.augment), facts.skeleton, facts.rig)
            check_frames(augmentation, sample.batch)
            if reads_cache:
                check_heatmaps(augmentation)
            elif getattr(augmentation, "images_alone", False) and _sees_no_images(task):
                raise EgotapError(
                    f"{planned.title}: {type(augmentation).__name__} changes images, and with heatmaps=truth the "
                    "lifter sees none: give augment=mirror, which changes these heatmaps too, or augment=none"
                )
    device = torch.empty(0).device  # get_default_device() does not know of `with torch.device(...)` in torch 2.6
    with _logged(task) as names, culprits(task) if device.type != "meta" else nullcontext(list[str]()) as suspects:
        output = task.training_step(sample.batch.on(device), 0)
    _check_monitor(planned, task, names)
    if suspects and sample.is_real and not _reads_estimates(task):
        loss = output["loss"] if isinstance(output, dict) else output
        if not loss.isfinite().all():
            raise EgotapError(
                f"{planned.title}: {suspects[0]} gives numbers that are not finite for real frames, and so the loss is "
                "not finite: nothing would be learnt"
            )
    if device.type != "meta":
        check_learns(task, output, planned.title, _own_parts(training) if sample.is_real else ())
    return task


def _sees_no_images(task: L.LightningModule) -> bool:
    """Whether a task reads heatmaps drawn from the labels and no images."""
    return (
        isinstance(task, LiftingTask) and isinstance(task.heatmaps, TrueHeatmaps) and "images" not in task.input_names
    )


def _reads_estimates(task: L.LightningModule) -> bool:
    """Whether a task reads heatmaps of estimators that are not trained yet, which a part need not be able to read."""
    return not isinstance(getattr(task, "heatmaps", None), (TrueHeatmaps, NoHeatmaps, type(None)))


@contextmanager
def _logged(task: L.LightningModule) -> Iterator[list[str]]:
    """The names of what a task logs during the block, in place of Lightning's warning that it goes nowhere."""
    names: list[str] = []
    task.log = lambda name, *_, **__: names.append(name)  # type: ignore[method-assign]
    try:
        yield names
    finally:
        del task.log


def _check_monitor(planned: Planned, task: L.LightningModule, logged: Sequence[str]) -> None:
    """Refuse a monitor that neither a step nor a validation logs. What a user's own task or guard logs is not known.

    Raises:
        EgotapError: names the numbers that there are.
    """
    monitor, guard = planned.training.monitor, planned.training.guard
    names = [*getattr(task, "validation_names", ()), *logged]
    classes = [f"{type(task).__module__}.", *targets(guard or {})]
    if monitor not in names and all(name.startswith("egotap_pl.") for name in classes):
        raise EgotapError(
            f"{planned.title}: monitor={monitor}: no such number is logged; must be one of: {', '.join(names)}"
        )


def _parts(training: TrainingSpec) -> list[str]:
    """The classes of the task, of its networks and of all parts that are a user's own."""
    task: dict[str, Any] = training.task
    nodes = [task, *(task[key] for key in ("lifter", "estimator", "encoder", "heatmaps") if task.get(key))]
    networks = [str(node["_target_"]) for node in nodes if "_target_" in node]
    return [name.rpartition(".")[2] for name in dict.fromkeys((*networks, *_own_parts(training)))]


def _own_parts(training: TrainingSpec) -> list[str]:
    """The classes of a task that are neither of this package nor of torch."""
    return [name for name in targets(training.task) if not name.startswith(("egotap_pl.", "torch."))]


def _place(error: BaseException) -> str:
    """File and line of the innermost call outside of installed packages."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if "site-packages" not in frame.filename] or list(frames)
    return f"{Path(own[-1].filename).name}, line {own[-1].lineno}"
