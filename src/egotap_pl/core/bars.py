"""Progress bars of trainings: on this process's terminal, or on that of a parent that shows those of several."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

from rich.console import Console
from rich.progress import Progress, TaskID

from egotap_pl.core.progress import stage_columns


@runtime_checkable
class Recipient(Protocol):
    """The way to the parent, e.g. a connection."""

    def send(self, content: Any, /) -> None:
        """Send the content, which can be pickled."""
        ...


@runtime_checkable
class Bar(Protocol):
    """One progress bar at a time."""

    def open(self, title: str, total: int, completed: int) -> None:
        """Show a new bar.

        Args:
            title: what it is called.
            total: number of steps.
            completed: number of steps that are already done.
        """
        ...

    def update(self, **values: Any) -> None:
        """Change values of rich's `Progress.update`: ``completed``, ``advance`` and ``note``, a text beside the bar."""
        ...

    def close(self) -> None:
        """Leave the bar as it is, on a line of its own. A bar that is not open stays closed."""
        ...


class OwnBar:
    """A bar on a terminal of this process.

    Args:
        console: the terminal.
    """

    def __init__(self, console: Console) -> None:
        self.console = console
        self._progress: Progress | None = None
        self._task = TaskID(0)

    def open(self, title: str, total: int, completed: int) -> None:
        """See `Bar`."""
        self._progress = Progress(*stage_columns(), console=self.console)
        self._progress.start()
        self._task = self._progress.add_task(title, total=total, completed=completed, note="")

    def update(self, **values: Any) -> None:
        """See `Bar`."""
        if self._progress is not None:
            self._progress.update(self._task, **values)

    def close(self) -> None:
        """See `Bar`."""
        if self._progress is not None:
            self._progress.stop()
            self._progress = None


class SentBar:
    """A bar that the parent shows. It gets dictionaries, which `SharedBars.show` takes.

    Args:
        parent: the way to it.
    """

    def __init__(self, parent: Recipient) -> None:
        self.parent = parent

    def open(self, title: str, total: int, completed: int) -> None:
        """See `Bar`."""
        self.parent.send({"title": title, "total": total, "completed": completed})

    def update(self, **values: Any) -> None:
        """See `Bar`."""
        self.parent.send(values)

    def close(self) -> None:
        """Nothing: the parent's bars stay until all processes have ended."""


class SharedBars:
    """The bars of several processes, one below the other. A context manager; without a terminal, it shows nothing.

    Args:
        console: the terminal.
    """

    def __init__(self, console: Console) -> None:
        self._progress = Progress(*stage_columns(), console=console, disable=not console.is_terminal)
        self._tasks: dict[Any, TaskID] = {}

    def __enter__(self) -> SharedBars:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def show(self, process: Any, values: dict[str, Any]) -> None:
        """Show what a process has sent.

        Args:
            process: which process.
            values: the dictionary of a `SentBar`.
        """
        if "title" in values:
            title, total, completed = values["title"], values["total"], values["completed"]
            self._tasks[process] = self._progress.add_task(title, total=total, completed=completed, note="")
        elif process in self._tasks:
            self._progress.update(self._tasks[process], **values)


_parent: Recipient | None = None


def send_bars(parent: Recipient) -> None:
    """From now on, send this process's bars to its parent."""
    global _parent
    _parent = parent


def bar_on(console: Console) -> Bar | None:
    """The bar of this process on a console; None if there is no terminal to show it.

    Args:
        console: the console of this process.
    """
    if _parent is not None:
        return SentBar(_parent)
    return OwnBar(console) if console.is_terminal else None
