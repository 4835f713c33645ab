"""Turns a user's mistake into one readable message. A defect of the program keeps its traceback."""

from __future__ import annotations

import errno
import os
import sys
import threading
from typing import NoReturn

import yaml
from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from egotap_pl.cli.configuration.suggestions import explain
from egotap_pl.core.disks import explained
from egotap_pl.core.errors import EgotapError
from egotap_pl.engine.processes.together import reports

TRACEBACK = "EGOTAP_TRACEBACK"
"""Environment variable: 1 shows the traceback of a user's mistake, too."""
_in_group = threading.Event()
_NOISE = ("full_key:", "object_type=", "reference_type=", "None")


def readable(error: BaseException) -> str | None:
    """The message for a user's mistake; None for a defect of the program, which needs its traceback."""
    chain: list[BaseException] = [error]
    while (cause := chain[-1].__cause__ or chain[-1].__context__) is not None and cause not in chain:
        chain.append(cause)
    for link in chain:
        if isinstance(link, EgotapError):
            return str(link)
        if isinstance(link, yaml.YAMLError):
            return f"a configuration file is not valid YAML: {link}"
        if isinstance(link, OSError) and (link is error or link.errno != errno.ENOENT):  # it may precede a defect
            message = explained(link)
            if message is not None:
                return message
    if isinstance(error, (HydraException, OmegaConfBaseException)):
        if (message := explain(chain)) is not None:
            return message
        messages = [_without_noise(str(link)) for link in chain]
        distinct = [text for k, text in enumerate(messages) if text and not any(text in m for m in messages[:k])]
        return "\n".join(distinct)
    return None


def fail(message: str, status: int) -> NoReturn:
    """End the program with a message. Of several processes that train together, one prints it."""
    sys.stdout.flush()
    if _in_group.is_set() and not reports(status):
        sys.exit(status)
    sys.stderr.write(f"egotap: {message}\n")
    sys.exit(status)


def in_group(is_member: bool) -> None:
    """Note whether this process is one of several, started by torchrun or srun, that run the same command together."""
    (_in_group.set if is_member else _in_group.clear)()


def end_with(error: BaseException) -> NoReturn:
    """End the program with the message of a user's mistake, or with the traceback of a defect."""
    message = readable(error)
    if "h5py" in sys.modules:
        # only here: most mistakes are noticed before h5py is needed
        from egotap_pl.core.hdf5_disks import leave_failed_disks

        leave_failed_disks()
    if message is None or os.environ.get(TRACEBACK) == "1":
        if _in_group.is_set() and not reports(1):
            sys.exit(1)
        raise error
    fail(message, 1)


def _without_noise(message: str) -> str:
    """Hydra's message without lines about its internals."""
    lines = message.partition("\nConfig search path:")[0].strip().splitlines()
    return "\n".join(line for line in lines if line.strip() and not line.strip().startswith(_NOISE))
