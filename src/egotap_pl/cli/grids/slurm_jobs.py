"""Runs the jobs of a grid through SLURM with submitit: stages that jobs share first, then one job for each job."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.utils import JobReturn
from omegaconf import OmegaConf

from egotap_pl.cli.grids.job_call import JobCall, Outcome, sharing
from egotap_pl.core.errors import EgotapError
from egotap_pl.core.messages import say

if TYPE_CHECKING:
    import submitit

WARNING = "USR1"
"""The signal of SLURM's warning before a time limit."""
POLL_S = 2.0
"""Seconds between two looks at the jobs."""
_EXECUTORS = ("slurm", "local")


@dataclass(frozen=True)
class SlurmParameters:
    """The keys of conf/hydra/launcher/slurm.yaml, which says what they mean."""

    executor: str
    """``slurm`` or ``local``."""
    folder: Path
    """Folder of submitit's files."""
    timeout_min: int
    """Time limit of a job in minutes."""
    warn_s: int
    """Seconds before the limit at which a job is warned."""
    requeues: int
    """How often a job may reach its limit."""
    shared_first: bool
    """Whether stages that jobs share are a job of their own."""
    cpus_per_task: int | None
    """Processors of each process; None: one more than it has reading processes."""
    mem_gb: float | None
    """Memory of each node in GB."""
    partition: str | None
    """SLURM's partition."""
    account: str | None
    """SLURM's account."""
    qos: str | None
    """SLURM's quality of service."""
    constraint: str | None
    """SLURM's constraint."""
    setup: Sequence[str]
    """Shell commands before a job."""
    parameters: Mapping[str, Any]
    """Other parameters of sbatch."""

    @classmethod
    def parse(cls, node: Mapping[str, Any]) -> SlurmParameters:
        """Check the keys.

        Raises:
            EgotapError: if a value is wrong.
        """
        plain: dict[str, Any] = {
            k: OmegaConf.to_container(v, resolve=True) if OmegaConf.is_config(v) else v for k, v in node.items()
        }
        names = [field.name for field in fields(cls)]
        if wrong := sorted(plain.keys() ^ set(names)):
            raise EgotapError(f"hydra.launcher.{wrong[0]}: the settings are {', '.join(names)}")
        if plain["executor"] not in _EXECUTORS:
            raise EgotapError(f"hydra.launcher.executor={plain['executor']}: must be one of: {', '.join(_EXECUTORS)}")
        for name in ("timeout_min", "warn_s", "requeues"):
            if type(plain[name]) is not int or plain[name] < (1 if name == "timeout_min" else 0):
                raise EgotapError(f"hydra.launcher.{name}={plain[name]}: must be a whole number")
        return cls(**{**plain, "folder": Path(str(plain["folder"])).absolute()})


def run_jobs(calls: Sequence[JobCall], parameters: SlurmParameters) -> list[JobReturn]:
    """Submit jobs and wait until all have ended.

    Args:
        calls: the jobs.
        parameters: of the launcher.

    Returns:
        How each of them ended.

    Raises:
        EgotapError: if submitit is not installed, SLURM is not on this machine, or a job asks for devices that cannot
            be counted here.
    """
    if parameters.executor == "slurm":
        os.environ.setdefault("SUBMITIT_PREEMPT_SIGNAL", WARNING)  # submitit reads it when it is imported
    try:
        import submitit
    except ModuleNotFoundError as error:
        raise EgotapError(f"hydra/launcher=slurm needs submitit ({error}): pip install 'egotap-pl[slurm]'") from error
    for call in calls:
        processes_of(call)  # before any job is submitted
    queue: list[submitit.Job[Outcome]] = []
    try:
        try:
            shared = _submit_shared(calls, parameters, queue)
            submitted = [(call, _submit(call, parameters, queue, shared.get(call.number))) for call in calls]
        except (submitit.core.utils.FailedJobError, RuntimeError, OSError, ValueError) as error:
            raise EgotapError(f"SLURM refused a job: {error}; hydra.launcher.executor=local needs no SLURM") from error
        for call, job in submitted:
            say(f"job {call.number}: submitted as {job.job_id}, output {job.paths.stdout}: {call.words}")
        outcomes = _wait(submitted, shared)
    except BaseException:
        if ids := [job.job_id for job in queue if not job.done()]:
            cancel = "scancel" if parameters.executor == "slurm" else "kill"
            say(f"not waiting any longer; the jobs go on. To cancel them: {cancel} {' '.join(ids)}")
        raise
    return [call.returned(outcomes[call.number]) for call in calls]


def processes_of(call: JobCall) -> tuple[int, int, bool]:
    """Processes on each node, nodes, and whether the processes need a GPU each.

    Raises:
        EgotapError: if it depends on the node where the job runs.
    """
    trainer = call.composed.trainer
    devices, accelerator = trainer.devices, trainer.accelerator
    if OmegaConf.is_list(devices):
        devices = len(devices)
    if type(devices) is not int or accelerator not in ("cpu", "gpu"):
        raise EgotapError(
            f"trainer.devices={devices} trainer.accelerator={accelerator}: SLURM must be asked for a number of GPUs: "
            "give e.g. trainer=gpu, or trainer=ddp trainer.devices=4"
        )
    return devices, int(trainer.nodes), accelerator == "gpu"


def _submit_shared(
    calls: Sequence[JobCall], parameters: SlurmParameters, queue: list[submitit.Job[Outcome]]
) -> dict[int, submitit.Job[Outcome]]:
    """Submit the stages that several jobs share; return the job that makes them, by the number of who needs them.

    Args:
        calls: the jobs.
        parameters: of the launcher.
        queue: gets the submitted jobs.
    """
    if not parameters.shared_first:
        return {}
    jobs: dict[int, submitit.Job[Outcome]] = {}
    for group in sharing(calls):
        job = _submit(group[0].shared(), parameters, queue)
        numbers = ", ".join(str(call.number) for call in group)
        say(f"data, estimators and cached heatmaps of jobs {numbers}: submitted as {job.job_id}, {job.paths.stdout}")
        jobs.update({call.number: job for call in group})
        if parameters.executor == "local":  # it knows no dependencies
            while not job.done():
                time.sleep(POLL_S / 10)
    return jobs


def _submit(
    call: JobCall,
    parameters: SlurmParameters,
    queue: list[submitit.Job[Outcome]],
    needed: submitit.Job[Outcome] | None = None,
) -> submitit.Job[Outcome]:
    """Submit a job.

    Args:
        call: the job.
        parameters: of the launcher.
        queue: gets the submitted job.
        needed: a job that must have succeeded before this one may start, or None.
    """
    import submitit

    devices, nodes, on_gpus = processes_of(call)
    if parameters.executor == "local":
        if nodes > 1:
            raise EgotapError(f"trainer.nodes={nodes}: hydra.launcher.executor=local has one node")
        local = submitit.LocalExecutor(parameters.folder)
        local.update_parameters(
            timeout_min=parameters.timeout_min,
            signal_delay_s=parameters.warn_s,
            gpus_per_node=devices if on_gpus else 0,
            setup=list(parameters.setup),
        )
        queue.append(local.submit(call))
        return queue[-1]
    executor = submitit.SlurmExecutor(parameters.folder, max_num_timeout=parameters.requeues)
    executor.update_parameters(**sbatch_parameters(call, parameters, None if needed is None else needed.job_id))
    queue.append(executor.submit(call))
    return queue[-1]


def sbatch_parameters(call: JobCall, parameters: SlurmParameters, needed: str | None) -> dict[str, Any]:
    """The parameters of submitit's executor for a job.

    Args:
        call: the job.
        parameters: of the launcher.
        needed: id of a job that must have succeeded before this one may start, or None.
    """
    devices, nodes, on_gpus = processes_of(call)
    cpus = parameters.cpus_per_task or int(call.composed.trainer.workers) + 1
    others = dict(parameters.parameters)
    if needed is not None:
        others = {"dependency": f"afterok:{needed}", "kill_on_invalid_dep": "yes", **others}
    wanted = {
        "job_name": "egotap-shared" if call.number < 0 else f"egotap-{call.number}",
        "time": parameters.timeout_min,
        "signal_delay_s": parameters.warn_s,
        "nodes": nodes,
        "ntasks_per_node": devices,
        "gpus_per_node": devices if on_gpus else None,
        "cpus_per_task": cpus,
        "mem": None if parameters.mem_gb is None else f"{round(parameters.mem_gb * 1024)}MB",
        "partition": parameters.partition,
        "account": parameters.account,
        "qos": parameters.qos,
        "constraint": parameters.constraint,
        # Since SLURM 22.05, srun does not take over the number of processors.
        "srun_args": ["--kill-on-bad-exit=1", f"--cpus-per-task={cpus}"],
        "setup": [f"export SUBMITIT_PREEMPT_SIGNAL={WARNING}", *map(str, parameters.setup)],
        "additional_parameters": {"requeue": True, **others},
    }
    return {name: value for name, value in wanted.items() if value is not None}


def _wait(
    submitted: Sequence[tuple[JobCall, submitit.Job[Outcome]]], shared: Mapping[int, submitit.Job[Outcome]]
) -> dict[int, Outcome]:
    """The outcomes of jobs by their numbers, when all have ended. A line says when one ends."""
    import submitit

    waiting, outcomes = list(submitted), dict[int, Outcome]()
    is_slurm = any(isinstance(job, submitit.SlurmJob) for _, job in submitted)  # must not be asked too often
    while waiting:
        for call, job in list(waiting):
            if not job.done():
                continue
            waiting.remove((call, job))
            outcomes[call.number] = _outcome(job, shared.get(call.number))
            error = outcomes[call.number].error
            say(f"job {call.number}: {'done' if error is None else next(iter(error.splitlines()), 'failed')}")
        time.sleep(POLL_S if is_slurm else POLL_S / 10)
    return outcomes


def _outcome(job: submitit.Job[Outcome], shared: submitit.Job[Outcome] | None) -> Outcome:
    """How a job that is no longer in the queue ended."""
    import submitit

    try:
        outcome = job.results()[0]
    except (submitit.core.utils.UncompletedJobError, submitit.core.utils.FailedJobError) as error:
        if shared is not None and shared.done() and (cause := _outcome(shared, None)).error is not None:
            return Outcome(None, f"the stages that it shares with other jobs failed: {cause.error}")
        last = next(reversed(str(error).strip().splitlines()), "")
        return Outcome(None, f"job {job.job_id} ended without a result ({job.state}): {last}; see {job.paths.stderr}")
    return outcome
