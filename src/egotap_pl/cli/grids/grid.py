"""The jobs of a grid (a Hydra multirun): each is recorded when it ends, and a table of all is written at the end."""

from __future__ import annotations

import json
import shlex
import traceback
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.experimental.callback import Callback
from hydra.types import RunMode
from omegaconf import OmegaConf, open_dict, read_write

from egotap_pl.cli.configuration.composing import own_folders
from egotap_pl.cli.configuration.conf_dir import as_option
from egotap_pl.cli.configuration.literals import quote_literals
from egotap_pl.cli.mistakes import end_with, readable
from egotap_pl.core import locks
from egotap_pl.core.atomic import write_json, write_text
from egotap_pl.core.errors import EgotapError
from egotap_pl.core.messages import RESULT
from egotap_pl.core.started_group import started_group

DONE, FAILED, INTERRUPTED = "done", "failed", "interrupted"
_RECORDS, _LOCK = "jobs", "grid.lock"
_TABLES = ("jobs.csv", "jobs.md", "grid.csv", "grid.md")
_lock = ExitStack()
"""Holds the grid's folder until the table of its jobs is made."""
_state: dict[str, Path] = {}
"""Of this process: the grid's folder (``sweep``), the folder of all runs (``runs``), and the run folder of the current
job (``run``)."""

_own_folders: list[Path] = []
"""The user's configuration folders, of this process's grid."""
_swept: list[str] = []


def swept() -> list[str]:
    """The keys that the grid goes through of which this process runs all jobs, or one."""
    return list(_swept)


def note_swept(keys: Iterable[str]) -> None:
    """Note the keys that a grid goes through, in a process that runs one of its jobs."""
    _swept[:] = keys


def _swept_keys(overrides: Iterable[str]) -> list[str]:
    parsed = OverridesParser.create().parse_overrides(list(overrides))
    return [str(override.key_or_group) for override in parsed if override.is_sweep_override()]


@dataclass(frozen=True)
class JobRecord:
    """How a job ended: the content of a file in the grid's folder."""

    job: int
    """Number of the job."""

    overrides: list[str]
    """Overrides of the job, as typed."""

    status: str
    """`DONE`, `FAILED` or `INTERRUPTED`."""

    message: str
    """Why it did not succeed; empty if it did."""

    folder: str | None
    """Folder of its run, or None."""


class Begin(Callback):
    """A callback of Hydra (conf/common.yaml) that takes and remembers the folder of the grid that starts."""

    def on_multirun_start(self, config: Any, **_: Any) -> None:
        """Called by Hydra before the first job."""
        _swept[:] = _swept_keys(config.hydra.overrides.task)
        if not _records_jobs():
            return
        if "${now:" in _folder_as_written(config):
            _take_folder(config)
        sweep = Path(str(config.hydra.sweep.dir))
        try:
            _lock_folder(sweep, OmegaConf.select(config, "hydra.sweeper.study"))
        except EgotapError as error:
            end_with(error)  # here: Hydra makes a warning of what callbacks raise
        _state["sweep"], _state["runs"] = sweep, Path(str(config.paths.runs))
        _own_folders[:] = own_folders()  # here: when the table is made, Hydra has gone
        # Of an earlier grid in the same folder: the table is of the jobs of this one.
        for file in (*(sweep / _RECORDS).glob("*"), *(sweep / table for table in _TABLES)):
            file.unlink(missing_ok=True)


def _folder_as_written(config: Any) -> str:
    sweep: Any = OmegaConf.to_container(config.hydra.sweep, resolve=False)
    return str(sweep["dir"])


def _take_folder(config: Any) -> None:
    """Make the folder of a grid that is named by the time. If a grid has it that began in the same second, number it.

    Where no folder can be made, nothing is taken: what is written there next ends the command with a message.
    """
    written, folder, number = _folder_as_written(config), Path(str(config.hydra.sweep.dir)), 1
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        while not _is_made(folder if number == 1 else folder.with_name(f"{folder.name}-{number}")):
            number += 1
    except OSError:
        return
    if number > 1:
        with read_write(config), open_dict(config):
            config.hydra.sweep.dir = f"{written}-{number}"
            (word,) = quote_literals([f"hydra.sweep.dir={config.hydra.sweep.dir}"])
            config.hydra.overrides.hydra.append(word)  # of these, the jobs' configurations are composed


def _lock_folder(folder: Path, study: str | None) -> None:
    """Hold a grid's folder. Where none can be made, nothing is held, as in `_take_folder`.

    Args:
        folder: the folder.
        study: name of the study whose folder it is; None: it is that of a grid, not of a search.

    Raises:
        EgotapError: if another grid holds it.
    """

    def refuse(who: str) -> None:
        if study is not None:
            raise EgotapError(
                f"hydra.sweeper.study={study}: another command is searching in this study ({who}). Wait for its end, "
                "or give this search a name of its own with hydra.sweeper.study=NAME"
            )
        raise EgotapError(
            f"hydra.sweep.dir={folder}: another grid is running in this folder ({who}), and each would replace the "
            "other's records. Wait for its end, or choose another folder"
        )

    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    with suppress(FileExistsError):
        folder.mkdir(parents=True, exist_ok=True)
    if folder.is_dir():
        _lock.enter_context(locks.held(folder / _LOCK, refuse))
        _lock.callback(_remove_if_unused, missing)


def _remove_if_unused(folders: Sequence[Path]) -> None:
    """Remove folders that were made for a grid, the innermost first, if nothing of the grid was written there."""
    own = (_LOCK, f"{_LOCK}{locks.HOLDER}")
    if not folders or any(path.name not in own for path in folders[0].iterdir()):
        return
    for name in own:
        (folders[0] / name).unlink(missing_ok=True)
    with suppress(OSError):  # another job has made something there
        for folder in folders:
            folder.rmdir()


def _is_made(folder: Path) -> bool:
    try:
        folder.mkdir()
    except FileExistsError:
        return False
    return True


def _records_jobs() -> bool:
    """Whether this process records jobs: of several that run a job together, the first one does."""
    group = started_group()
    return group is None or group.rank == 0


def note_run(folder: Path) -> None:
    """Note the run folder of the current job."""
    _state["run"] = folder


def record(status: str, error: BaseException | None = None) -> None:
    """Record how a grid's job ended; if it failed, with the traceback. In a single run, do nothing.

    Args:
        status: `DONE`, `FAILED` or `INTERRUPTED`.
        error: why it did not succeed.
    """
    folder, hydra = _state.pop("run", None), HydraConfig.get()
    if hydra.mode != RunMode.MULTIRUN or not _records_jobs():
        return
    records = Path(hydra.sweep.dir) / _RECORDS
    records.mkdir(parents=True, exist_ok=True)
    number = int(hydra.job.num)
    if number < 0 and error is None:  # the stages that jobs share
        return
    message = "" if error is None else (readable(error) or f"{type(error).__name__}: {error}")
    overrides = list(hydra.overrides.task)
    job = JobRecord(number, overrides, status, message, None if folder is None else str(folder))
    if error is not None:
        lines = "".join(traceback.format_exception(error))
        (records / f"{number}.log").write_text(f"{' '.join(overrides)}\n{lines}", encoding="utf-8")
    if number >= 0:
        write_json(records / f"{number}.json", asdict(job))


def record_lost(sweep: Path, number: int, overrides: list[str], message: str) -> None:
    """Record that a job failed, unless its process has recorded it.

    Args:
        sweep: the grid's folder.
        number: number of the job.
        overrides: its overrides.
        message: why it failed.
    """
    path = sweep / _RECORDS / f"{number}.json"
    if number < 0 or (path.is_file() and json.loads(path.read_text(encoding="utf-8"))["status"] == FAILED):
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, asdict(JobRecord(number, overrides, FAILED, message, None)))


def collate() -> None:
    """Print a table of the jobs of this process's grid, and write it to the grid's folder, which is then free."""
    with _lock.pop_all():
        _collate()


def _collate() -> None:
    sweep, runs = _state.pop("sweep", None), _state.pop("runs", None)
    records = [] if sweep is None else sorted((sweep / _RECORDS).glob("*.json"), key=lambda path: int(path.stem))
    if sweep is None or not records:
        return
    # Imported here: tables import the drawing of figures, which no other part of a command needs.
    from egotap_pl.cli.screen import screen_table
    from egotap_pl.report.tables.jobs import Job, grid_table, jobs_table
    from egotap_pl.report.text import csv_text, markdown

    ended = [JobRecord(**json.loads(path.read_text(encoding="utf-8"))) for path in records]
    jobs = [Job(**asdict(job), metrics=_metrics(job)) for job in ended]
    summary = jobs_table(jobs)
    for table in (summary, grid_table(jobs)):
        if table is not None:
            write_text(sweep / f"{table.name}.md", markdown(table))
            write_text(sweep / f"{table.name}.csv", csv_text(table))
            summary = table
    RESULT.print(screen_table(summary))
    for job in jobs:
        if job.folder is not None:
            RESULT.print(f"job {job.job:<20}{job.folder}", markup=False, soft_wrap=True)
    failed = [job for job in jobs if job.status != DONE]
    for job in failed:
        first = next(iter(job.message.splitlines()), "")
        line = f"job {job.job} {job.status}: {' '.join(job.overrides)}: {first}"
        RESULT.print(line, markup=False, soft_wrap=True)
    if failed:
        RESULT.print(f"full error messages     {sweep / _RECORDS}/*.log", soft_wrap=True)
    RESULT.print(f"all jobs                {sweep / 'jobs.csv'}", soft_wrap=True)
    if runs is not None and any(job.folder for job in jobs):
        print_report_command(runs, _own_folders)


def print_report_command(runs: Path, known: Iterable[Path]) -> None:
    """Print the command that makes the report of all runs in a folder.

    Args:
        runs: the folder.
        known: the user's configuration folders, whose presets the report shall know.
    """
    options = [as_option(folder) for folder in known]
    command = shlex.join(["egotap", "report", *options, f"runs={runs}", "output=report"])
    RESULT.print(f"tables and figures      {command}", markup=False, soft_wrap=True)


def _metrics(job: JobRecord) -> Mapping[str, Any]:
    path = None if job.folder is None else Path(job.folder) / "metrics.json"
    metrics: Mapping[str, Any] = {}
    if path is not None and path.is_file():
        metrics = json.loads(path.read_text(encoding="utf-8"))
    return metrics
