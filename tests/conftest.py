"""What tests of several rooms share."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

# Before our own modules: what these import under jaxtyping's import hook does not come from Python's usual cache.
import lightning.pytorch  # noqa: F401
import pytest
import torch

pytest_plugins = ["commands", "finished_runs"]  # of tests/support

torch.set_num_threads(1)  # tests run side by side, one process per core

Program = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def egotap(tmp_path_factory: pytest.TempPathFactory) -> Program:
    """Runs `egotap` as a user does: in a process of its own, in a folder of its own."""
    home = tmp_path_factory.mktemp("home")

    def run(*arguments: str, cwd: Path = home, check: bool = True) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "160", "WANDB_MODE": "offline"}
        command = [sys.executable, "-m", "egotap_pl", *arguments]
        done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=400)
        if check and done.returncode:
            raise AssertionError(f"{' '.join(command)}\n{done.stdout}\n{done.stderr}")
        return done

    return run
