"""A job's share of a preparation, and the locks that keep jobs in one folder out of each other's way."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from rich.console import Console

from egotap_pl.core.errors import EgotapError
from egotap_pl.core.locks import held

T = TypeVar("T")
MAIN_LOCK = ".prepare.lock"


@dataclass(frozen=True)
class Shard:
    """One of several jobs, on any machines, that share the pieces of every split.

    Raises:
        EgotapError: if the number is not within 1 to the count.
    """

    number: int
    """Number of this job, from 1."""

    count: int
    """Number of jobs."""

    def __post_init__(self) -> None:
        if not 1 <= self.number <= self.count:
            raise EgotapError(f"shard={self}: the first number must be within 1 to the second")

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    @classmethod
    def parse(cls, text: str) -> Shard:
        """Reads ``i/n``.

        Raises:
            EgotapError: if the text is anything else.
        """
        if not (match := re.fullmatch(r"(\d+)/(\d+)", text)):
            raise EgotapError(f"shard={text}: expected the job's number and the number of jobs, e.g. shard=1/4")
        return cls(int(match[1]), int(match[2]))

    def of(self, pieces: Sequence[T]) -> Sequence[T]:
        """The pieces of this job: every n-th, so that long and short pieces are spread evenly."""
        return pieces[self.number - 1 :: self.count]


WHOLE = Shard(1, 1)
"""The job that does everything and joins the parts."""


@contextmanager
def locked(folder: Path, shard: Shard, console: Console) -> Iterator[None]:
    """Locks a folder, or one shard's work in it. A job that has to wait says so.

    Two jobs of the same shard exclude each other, and the job that joins the parts excludes all others.

    Args:
        folder: folder of the stores.
        shard: the job's share of the work.
        console: where a waiting job says that it waits.
    """

    def waiting(who: str) -> None:
        text = f"another job is preparing {folder}; waiting for it to end ({who})"
        console.print(text, markup=False, soft_wrap=True)

    with ExitStack() as stack:
        if shard == WHOLE:
            stack.enter_context(held(folder / MAIN_LOCK, waiting))
            for path in sorted(folder.glob(".prepare-*.lock")):
                stack.enter_context(held(path, waiting))
        else:
            with held(folder / MAIN_LOCK, waiting):
                stack.enter_context(held(folder / f".prepare-{shard.number}-of-{shard.count}.lock", waiting))
        yield
