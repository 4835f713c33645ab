"""A search for the best overrides: Optuna proposes them, Hydra's launcher runs them, the validation error decides."""

from __future__ import annotations

import itertools
import math
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from hydra.core.override_parser.types import Override
from hydra.core.utils import JobReturn
from rich import box
from rich.table import Table

from egotap_pl.cli.grids.space import Space, space_of
from egotap_pl.cli.mistakes import readable
from egotap_pl.core.atomic import write_json
from egotap_pl.core.errors import EgotapError
from egotap_pl.core.messages import RESULT, say
from egotap_pl.engine.build import build
from egotap_pl.engine.devices.choice import check_whole
from egotap_pl.engine.runs.folders import check_name
from egotap_pl.engine.specs import check_spec
from egotap_pl.engine.stages import held

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial, Trial

_SAMPLER = "hydra.sweeper.sampler"
NUM_LISTED = 5
"""Number of trials in the table at the end."""


class Search(NamedTuple):
    """A search to run."""

    study: str
    """Name of the study."""

    trials: int
    """Number of trials at the end, including failed ones."""

    sampler: Any
    """Spec of a factory of an Optuna sampler, called with ``seed``."""

    seed: int
    """Seed of the sampler."""

    folder: Path
    """Folder of the study."""

    run: Callable[[Sequence[Sequence[str]], int], Sequence[JobReturn]]
    """Runs jobs. Its arguments are the overrides of each job and the number of the first."""

    check: Callable[[Sequence[Sequence[str]]], None] = lambda _: None
    """Called before the first trial with the overrides of jobs; raises `EgotapError` if one of these cannot run."""


def search(task: Search, overrides: Sequence[Override]) -> float:
    """Run the missing trials of a study, then print the best.

    Args:
        task: the search.
        overrides: what is searched, and what every trial has in common.

    Returns:
        The smallest validation error of a trial.

    Raises:
        EgotapError: if Optuna is not installed, a sweep cannot be searched, the folder contains a study of other
            overrides, what all trials have in common cannot run, or no trial succeeded.
    """
    try:
        import optuna
    except ModuleNotFoundError as error:
        raise EgotapError(f"a search needs Optuna ({error}); install it: pip install 'egotap-pl[sweep]'") from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    space = space_of(overrides)
    task.check([[*space.fixed, *each, f"name='{job_name(task.study, 0, each)}'"] for each in repetitions(space)])
    with held(task.folder / ".lock", f"study {task.study}"):
        study = open_study(task, space)
        while (done := len(finished(study))) < task.trials:
            say(f"study {task.study}: trial {done + 1} of {task.trials}")
            _run_trial(study, task, space)
        return _report(study, task.folder, space)


def check_search(study: Any, trials: Any, sampler: Any) -> None:
    """Check the settings of a search before it has a folder.

    Args:
        study: name of the study.
        trials: number of trials.
        sampler: spec of a factory of a sampler.

    Raises:
        EgotapError: if the study's name cannot be the name of a folder, the number of trials is not a number, or the
            sampler's class does not exist or does not accept an argument or its value.
    """
    check_name(str(study), "hydra.sweeper.study")
    check_whole("hydra.sweeper.trials", trials, 1)
    if find_spec("optuna") is None:
        return  # `search` says how to install it
    if not isinstance(sampler, Mapping) or "_target_" not in sampler:
        raise EgotapError(f"{_SAMPLER}={sampler}: must be a mapping that names a class with _target_")
    check_spec(sampler, _SAMPLER)
    try:
        build(sampler)(seed=0)
    except Exception as error:  # a sampler may refuse a value with an error of any kind
        raise EgotapError(f"{_SAMPLER}: {sampler['_target_']}: {error}") from error


def open_study(task: Search, space: Space) -> Study:
    """A new study, or the one in the folder, with its interrupted trials first in the queue.

    Raises:
        EgotapError: if the study in the folder has other overrides.
    """
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend
    from optuna.trial import TrialState

    storage = JournalStorage(JournalFileBackend(str(task.folder / "study.journal")))
    study = optuna.create_study(study_name=task.study, storage=storage, load_if_exists=True, direction="minimize")
    about, before = space.describe(), study.user_attrs.get("about")
    if before is not None and before != about:
        if finished(study):
            changed = ", ".join(key for key in about if about[key] != before[key])
            raise EgotapError(
                f"the study {task.study} in {task.folder} has trials with other {changed} overrides, which cannot be "
                "compared with these: give this one another name, hydra.sweeper.study=NAME"
            )
        optuna.delete_study(study_name=task.study, storage=storage)
        study = optuna.create_study(study_name=task.study, storage=storage, direction="minimize")
    study.set_user_attr("about", about)
    # With the same seed again, a sampler would repeat its earlier proposals.
    study.sampler = build(task.sampler)(seed=task.seed + len(study.trials))
    for trial in study.get_trials(deepcopy=False, states=[TrialState.RUNNING]):
        study.tell(trial.number, state=TrialState.FAIL)
        study.enqueue_trial(trial.params, user_attrs={"again": trial.user_attrs.get("again", trial.number)})
    return study


def finished(study: Study) -> list[FrozenTrial]:
    """Trials that ended with a value or an error, not those that were interrupted."""
    from optuna.trial import TrialState

    trials = study.get_trials(deepcopy=False)
    return [t for t in trials if t.state == TrialState.COMPLETE or "error" in t.user_attrs]


def _run_trial(study: Study, task: Search, space: Space) -> None:
    """Run a trial. If a job fails, only its trial fails; overrides that do not compose end the search."""
    from optuna.trial import TrialState

    trial = study.ask(space.searched)
    jobs = jobs_of(trial, space, task.study)
    returns = task.run(jobs, trial.number * len(jobs))
    try:
        values = [float(job.return_value) for job in returns]
        if not all(map(math.isfinite, values)):
            raise EgotapError(f"the validation error is {values}")
    except Exception as error:
        message = readable(error) or f"{type(error).__name__}: {error}"
        trial.set_user_attr("error", message)
        study.tell(trial, state=TrialState.FAIL)
        say(f"study {task.study}: trial {trial.number} failed: {message}")
        return
    value = sum(values) / len(values)
    study.tell(trial, value)
    say(f"study {task.study}: trial {trial.number}: {value:.4g}, best {study.best_value:.4g}")


def jobs_of(trial: Trial | FrozenTrial, space: Space, study: str) -> list[list[str]]:
    """Overrides of a trial's jobs, one job for each combination of the repeated values.

    Args:
        trial: the trial.
        space: the overrides of the study.
        study: name of the study. With the trial's number it names the jobs' folders.
    """
    proposals = [f"{key}={trial.params[key]}" for key in space.searched]
    return [
        [*space.fixed, *proposals, *repeated, f"name='{job_name(study, number_of(trial), repeated)}'"]
        for repeated in repetitions(space)
    ]


def job_name(study: str, number: int, repeated: Sequence[str]) -> str:
    """The name of the folder of a trial's job.

    Args:
        study: name of the study.
        number: number of the trial.
        repeated: the overrides that the trial is repeated with.

    >>> job_name("study", 3, ["lifter/encoder=cnn", "seed=1"])
    'study-0003,lifter-encoder=cnn,seed=1'
    """
    return ",".join((f"{study}-{number:04d}", *(word.replace("/", "-") for word in repeated)))


def repetitions(space: Space) -> Iterator[tuple[str, ...]]:
    """The overrides with which each trial is repeated: the combinations of the lists of values."""
    return itertools.product(*([f"{key}={v}" for v in values] for key, values in space.repeated.items()))


def number_of(trial: Trial | FrozenTrial) -> int:
    """A trial's number. For a trial that was interrupted and repeated it is the first number, as in its folder."""
    return int(trial.user_attrs.get("again", trial.number))


def _report(study: Study, folder: Path, space: Space) -> float:
    """Print the best trials, and write the overrides of the best to best.json."""
    ended = finished(study)
    ranked = sorted((t for t in ended if t.value is not None), key=lambda trial: trial.value or 0.0)
    if not ranked:
        raise EgotapError(f"no trial of the study {study.study_name} succeeded: {ended[-1].user_attrs['error']}")
    best, value = ranked[0], ranked[0].value
    assert value is not None
    listed = ranked[:NUM_LISTED]
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, title=f"study {study.study_name}", title_justify="left")
    table.add_column("trial", overflow="fold")  # a row for each key: there may be many, and their names are long
    for trial in listed:
        table.add_column(str(number_of(trial)), justify="right", overflow="fold")
    table.add_row("validation error", *(f"{trial.value:.4g}" for trial in listed))
    for key in space.searched:
        table.add_row(key.rpartition(".")[-1], *(_short(trial.params[key]) for trial in listed))
    fixed = [word for word in space.fixed if not word.startswith(("sweep=", "name="))]
    overrides = [*fixed, *(f"{key}={best.params[key]}" for key in space.searched)]
    write_json(folder / "best.json", {"trial": number_of(best), "validation": value, "overrides": overrides})
    RESULT.print(table)
    trials = "1 trial" if len(ended) == 1 else f"{len(ended)} trials"
    counts = f"{trials}, {len(ended) - len(ranked)} failed; the validation error decides, not the test"
    RESULT.print(counts, soft_wrap=True)
    RESULT.print(f"best overrides  {shlex.join(overrides)}", soft_wrap=True, markup=False)
    RESULT.print(f"study folder    {folder}", soft_wrap=True)
    return value


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
