"""How many processors this process may use, and how its threads wait for each other."""

from __future__ import annotations

import math
import os
from collections.abc import MutableMapping
from contextlib import suppress
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")
"""Where Linux says what a container may use."""
SPIN_COUNT = "1000"
"""How often a thread looks whether the others are done before it sleeps."""


def usable_cpus(cgroups: Path = CGROUPS) -> int:
    """The number of processors that this process may use: those of its affinity, at most the quota of its container.

    Args:
        cgroups: folder of the control groups.
    """
    cpus = _of_affinity()
    quota = _quota(cgroups)
    return cpus if quota is None else max(min(cpus, math.ceil(quota)), 1)


def set_thread_defaults(environment: MutableMapping[str, str], cgroups: Path = CGROUPS) -> None:
    """Set what OpenMP reads when torch is imported, unless the user has set it.

    Threads that wait for each other soon sleep. By OpenMP's default they spin for long, which keeps them from working
    as soon as another program computes on the same processors (experiments/benchmarks/README.md). In a container whose
    quota is smaller than the machine, torch would start a thread for each processor of the machine.

    Args:
        environment: the variables of this process.
        cgroups: folder of the control groups.
    """
    if "OMP_WAIT_POLICY" not in environment:
        environment.setdefault("GOMP_SPINCOUNT", SPIN_COUNT)
    if (cpus := usable_cpus(cgroups)) < _of_affinity():
        environment.setdefault("OMP_NUM_THREADS", str(cpus))


def _of_affinity() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _quota(cgroups: Path) -> float | None:
    """Processors that a container gives, which may be a fraction; None: no limit, or none that can be read."""
    with suppress(OSError, ValueError):
        quota, _, period = (cgroups / "cpu.max").read_text(encoding="utf-8").partition(" ")
        return None if quota == "max" else float(quota) / float(period)
    with suppress(OSError, ValueError):  # version 1 of control groups
        quota_us, period_us = (
            int((cgroups / "cpu" / f"cpu.cfs_{name}_us").read_text(encoding="utf-8")) for name in ("quota", "period")
        )
        return quota_us / period_us if quota_us > 0 and period_us > 0 else None
    return None
