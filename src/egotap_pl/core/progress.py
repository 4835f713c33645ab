"""Progress bars of the terminal."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

LINE_SECONDS = 15.0


def stage_columns() -> tuple[Any, ...]:
    """The columns of every bar that egotap shows."""
    return (
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
    )


class FrameProgress:
    """Frames done, frames/s and the time left: a bar on a terminal, elsewhere a line now and then.

    Args:
        title: what is under way.
        total: frames to do; None where nobody knows.
        console: where to; the standard output by default.
    """

    def __init__(self, title: str, total: int | None, console: Console | None = None) -> None:
        self.title, self.total = title, total
        self.console = console or Console()
        self.done = self.found = 0
        self._start = self._last_line = time.monotonic()
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            _FramesPerSecond(),
            TimeRemainingColumn(),
            console=self.console,
            disable=not self.console.is_terminal,
        )
        self._task = self._bar.add_task(title, total=total)

    def __enter__(self) -> FrameProgress:
        self._bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._bar.stop()

    def skip(self, frames: int) -> None:
        """Say that this many frames were there already; they do not count for the speed."""
        self.found += frames
        self._bar.reset(self._task, total=self.total, completed=self.found)

    def advance(self, frames: int) -> None:
        """Say that this many more frames are done."""
        self.done += frames
        self._bar.advance(self._task, frames)
        now = time.monotonic()
        if self._bar.disable and now - self._last_line > LINE_SECONDS:
            self._last_line = now
            speed = self.done / (now - self._start)
            done = self.found + self.done
            told = f"{self.title}: {done} frames, {speed:.0f} frames/s"
            if self.total is not None:
                left = max(self.total - done, 0) / speed if speed else 0.0
                told = f"{self.title}: {done} of {self.total} frames, {speed:.0f} frames/s, {left:.0f} s left"
            self.console.print(told)


class _FramesPerSecond(ProgressColumn):
    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:.0f} frames/s")
