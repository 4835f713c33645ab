"""Turns a user's mistake into one readable message. A defect of the program keeps its traceback."""

from __future__ import annotations

import os
import sys
from typing import NoReturn

from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from egotap_pl.cli.suggestions import explain
from egotap_pl.core.errors import EgotapError

TRACEBACK = "EGOTAP_TRACEBACK"
"""Environment variable: 1 shows the traceback of a user's mistake, too."""
_NOISE = ("full_key:", "object_type=", "reference_type=", "None")


def readable(error: BaseException) -> str | None:
    """The message for a user's mistake; None for a defect of the program, which needs its traceback."""
    chain: list[BaseException] = [error]
    while (cause := chain[-1].__cause__ or chain[-1].__context__) is not None and cause not in chain:
        chain.append(cause)
    for link in chain:
        if isinstance(link, EgotapError):
            return str(link)
    if isinstance(error, (HydraException, OmegaConfBaseException)):
        if (message := explain(chain)) is not None:
            return message
        messages = [_without_noise(str(link)) for link in chain]
        distinct = [text for k, text in enumerate(messages) if text and not any(text in m for m in messages[:k])]
        return "\n".join(distinct)
    return None


def fail(message: str, status: int) -> NoReturn:
    """End the program with a message."""
    sys.stdout.flush()
    sys.stderr.write(f"egotap: {message}\n")
    sys.exit(status)


def end_with(error: BaseException) -> NoReturn:
    """End the program with the message of a user's mistake, or with the traceback of a defect."""
    message = readable(error)
    if message is None or os.environ.get(TRACEBACK) == "1":
        raise error
    fail(message, 1)


def _without_noise(message: str) -> str:
    """Hydra's message without lines about its internals."""
    lines = message.partition("\nConfig search path:")[0].strip().splitlines()
    return "\n".join(line for line in lines if line.strip() and not line.strip().startswith(_NOISE))
