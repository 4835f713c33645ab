"""Progress bars on the terminal."""

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
"""Without a terminal, time between two lines of progress."""


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
    """Shows finished frames, frames/s and the time left: as a bar on a terminal, otherwise as a line now and then.

    Args:
        title: name of the work.
        total: number of frames; None if it is not known.
        console: console to write to; None: standard output.
    """

    def __init__(self, title: str, total: int | None, console: Console | None = None) -> None:
        self.title, self.total = title, total
        self.console = console or Console()
        self.done = self.skipped = 0
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
        """Count frames that already exist. They do not count towards the speed."""
        self.skipped += frames
        self._bar.reset(self._task, total=self.total, completed=self.skipped)

    def advance(self, frames: int) -> None:
        """Count frames that have just been finished."""
        self.done += frames
        self._bar.advance(self._task, frames)
        now = time.monotonic()
        if self._bar.disable and now - self._last_line > LINE_SECONDS:
            self._last_line = now
            speed = self.done / (now - self._start)
            done = self.skipped + self.done
            line = f"{self.title}: {done} frames, {_rate(speed)}"
            if self.total is not None:
                left = max(self.total - done, 0) / speed if speed else 0.0
                line = f"{self.title}: {done} of {self.total} frames, {_rate(speed)}, {left:.0f} s left"
            self.console.print(line)


class _FramesPerSecond(ProgressColumn):
    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else _rate(speed))


def _rate(speed: float) -> str:
    """A speed for readers, who would take a small one for none."""
    return f"{speed:.{0 if speed >= 10 else 1}f} frames/s"
