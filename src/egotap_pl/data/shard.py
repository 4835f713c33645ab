"""A preparation's share of the work, and the locks that keep jobs on one folder out of each other's way."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from filelock import FileLock, Timeout
from rich.console import Console

from egotap_pl.core.errors import EgotapError

T = TypeVar("T")
MAIN_LOCK = ".prepare.lock"


@dataclass(frozen=True)
class Shard:
    """One of several jobs, on any machines, that divide the pieces of every split among them.

    Args:
        number: which one, from 1.
        count: how many there are.

    Raises:
        EgotapError: if there is no such one.
    """

    number: int
    count: int

    def __post_init__(self) -> None:
        if not 1 <= self.number <= self.count:
            raise EgotapError(f"shard={self}: the first number must be from 1 to the second")

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    @classmethod
    def parse(cls, text: str) -> Shard:
        """From ``i/n``.

        Raises:
            EgotapError: if it is something else.
        """
        if not (match := re.fullmatch(r"(\d+)/(\d+)", text)):
            raise EgotapError(f"shard={text}: give a job's number and their count, e.g. shard=1/4")
        return cls(int(match[1]), int(match[2]))

    def of(self, pieces: Sequence[T]) -> Sequence[T]:
        """This job's pieces: every n-th, so that long and short ones are spread alike."""
        return pieces[self.number - 1 :: self.count]


WHOLE = Shard(1, 1)


@contextmanager
def locked(folder: Path, shard: Shard, console: Console) -> Iterator[None]:
    """Lock a folder, or a shard's work in it; jobs wait, with a word to the user, for what excludes them.

    Two jobs of one shard exclude each other, and the job that joins excludes all.
    """
    with ExitStack() as held:

        def hold(path: Path, stack: ExitStack) -> None:
            lock = FileLock(path)
            try:
                lock.acquire(timeout=0)
            except Timeout:
                console.print(f"another job is preparing {folder}; waiting for it to end", soft_wrap=True)
                lock.acquire()
            stack.callback(lock.release)

        if shard == WHOLE:
            hold(folder / MAIN_LOCK, held)
            for path in sorted(folder.glob(".prepare-*.lock")):
                hold(path, held)
        else:
            with ExitStack() as briefly:
                hold(folder / MAIN_LOCK, briefly)
                hold(folder / f".prepare-{shard.number}-of-{shard.count}.lock", held)
        yield
