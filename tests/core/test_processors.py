"""Processors that a process may use, and what follows for its threads."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from egotap_pl.core.processors import set_thread_defaults, usable_cpus


@pytest.fixture
def four_cpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2, 3}, raising=False)


def cgroups(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    return folder


def version_1(quota: int) -> dict[str, str]:
    return {"cpu/cpu.cfs_quota_us": f"{quota}\n", "cpu/cpu.cfs_period_us": "100000\n"}


@pytest.mark.usefixtures("four_cpus")
@pytest.mark.parametrize(
    ("files", "cpus"),
    [
        ({}, 4),
        ({"cpu.max": "max 100000\n"}, 4),
        ({"cpu.max": "200000 100000\n"}, 2),
        ({"cpu.max": "150000 100000\n"}, 2),
        ({"cpu.max": "10000 100000\n"}, 1),
        ({"cpu.max": "6400000 100000\n"}, 4),
        ({"cpu.max": "what?\n"}, 4),
        (version_1(-1), 4),
        (version_1(300000), 3),
    ],
)
def test_a_quota_limits_the_processors(files: dict[str, str], cpus: int, tmp_path: Path) -> None:
    folder = cgroups(tmp_path, files)
    assert usable_cpus(folder) == cpus
    environment: dict[str, str] = {}
    set_thread_defaults(environment, folder)
    assert environment.get("OMP_NUM_THREADS") == (None if cpus == 4 else str(cpus))


@pytest.mark.usefixtures("four_cpus")
def test_what_the_user_has_set_stays(tmp_path: Path) -> None:
    folder = cgroups(tmp_path, {"cpu.max": "100000 100000\n"})
    waiting = {"OMP_WAIT_POLICY": "ACTIVE", "OMP_NUM_THREADS": "8"}
    environment = dict(waiting)
    set_thread_defaults(environment, folder)
    assert environment == waiting
    spinning = {"GOMP_SPINCOUNT": "100"}
    set_thread_defaults(spinning, folder)
    assert spinning == {"GOMP_SPINCOUNT": "100", "OMP_NUM_THREADS": "1"}
