"""A preparation's share of the work, and the locks that keep jobs on one folder out of each other's way."""

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

    def waiting() -> None:
        console.print(f"another job is preparing {folder}; waiting for it to end", soft_wrap=True)

    with ExitStack() as stack:
        if shard == WHOLE:
            stack.enter_context(held(folder / MAIN_LOCK, waiting))
            for path in sorted(folder.glob(".prepare-*.lock")):
                stack.enter_context(held(path, waiting))
        else:
            with held(folder / MAIN_LOCK, waiting):
                stack.enter_context(held(folder / f".prepare-{shard.number}-of-{shard.count}.lock", waiting))
        yield
