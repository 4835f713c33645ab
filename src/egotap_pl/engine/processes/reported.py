"""Errors in other processes: they cross as text, and a traceback is printed once, before what failed here for it."""

from __future__ import annotations

import json
import re
import sys
import traceback
from pathlib import Path
from typing import NamedTuple

from egotap_pl.core.atomic import write_json
from egotap_pl.core.disks import explained
from egotap_pl.core.errors import EgotapError

_GONE = re.compile(r"by peer|remote process exit", re.IGNORECASE)
"""What gloo and NCCL say when another process of the group has ended."""


class ProcessError(RuntimeError):
    """A defect in another process. The message is that of the error there; the cause shows where it was."""


class InOtherProcess(Exception):
    """The traceback in another process: the cause of a `ProcessError`."""


class Reported(NamedTuple):
    """An exception as text, which any process can read."""

    message: str
    """What it says; of a defect, its class, too."""

    traceback: str
    """Where a defect was, with the exceptions before it; empty for a user's mistake."""

    is_consequence: bool = False
    """Whether it follows from the end of another process of the group."""

    @classmethod
    def of(cls, error: Exception) -> Reported:
        """An exception that was caught."""
        mistake = explained(error) if isinstance(error, OSError) else str(error)
        if mistake is not None and isinstance(error, (EgotapError, OSError)):
            return cls(mistake, "")
        summary = "".join(traceback.format_exception_only(error)).strip()
        return cls(summary, "".join(traceback.format_exception(error)), bool(_GONE.search(summary)))

    @property
    def is_mistake(self) -> bool:
        """Whether it is a user's mistake, and not a defect."""
        return not self.traceback

    @property
    def _rank(self) -> tuple[bool, bool]:
        return self.is_mistake, not self.is_consequence

    def error(self) -> Exception:
        """The error to raise here. Before that of a defect, Python prints the traceback of its cause."""
        if self.is_mistake:
            return EgotapError(self.message)
        error = ProcessError(self.message)
        error.__cause__ = InOtherProcess(f'\n"""\n{self.traceback}"""')
        return error

    def write(self, path: Path) -> None:
        """Write it to a file that a group's processes share, unless this holds what explains more.

        A mistake explains more than a defect, and a defect more than what follows from it. What cannot be written is
        printed.
        """
        try:
            known = self.read(path)
            if known is None or known._rank < self._rank:
                write_json(path, self._asdict())
        except OSError:
            sys.stderr.write(f"{self.traceback or self.message}\n")

    @classmethod
    def read(cls, path: Path) -> Reported | None:
        """What a file holds; None if there is none."""
        return cls(**json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else None
