"""The random numbers of the program that calls this one."""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

_ONE_AT_A_TIME = threading.RLock()
"""The state of random numbers belongs to the process: threads that change it wait for each other."""
_VARIABLES = ("PL_GLOBAL_SEED", "PL_SEED_WORKERS")
"""Environment variables that Lightning sets when it seeds."""


@contextmanager
def random_numbers_kept() -> Iterator[None]:
    """Work in the block may seed; afterwards the caller's random numbers go on as if nothing had happened.

    This holds for Python, NumPy and PyTorch, and for the GPUs that are in use when the block begins, and also if the
    block ends with an error. Lightning's `isolate_rng` keeps nothing then.
    """
    with _ONE_AT_A_TIME:
        of_python, of_numpy = random.getstate(), np.random.get_state()  # noqa: NPY002  # what a caller may use
        variables = {name: os.environ.get(name) for name in _VARIABLES}
        gpus = range(torch.cuda.device_count()) if torch.cuda.is_initialized() else ()
        try:
            with torch.random.fork_rng(gpus):
                yield
        finally:
            random.setstate(of_python)
            np.random.set_state(of_numpy)  # noqa: NPY002
            for name, value in variables.items():
                os.environ.pop(name, None)
                if value is not None:
                    os.environ[name] = value
