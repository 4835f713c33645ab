"""A progress bar over a training or a test, with the time left."""

from __future__ import annotations

from typing import Any

import lightning as L
from lightning.pytorch.callbacks import ProgressBar
from rich.console import Console

from egotap_pl.core.bars import Bar, bar_on


class StageProgress(ProgressBar):
    """One bar over all epochs of a training or all batches of a test; without a terminal, one line per epoch.

    Args:
        title: name of the stage on the screen.
        console: console to write to; None: standard error.
    """

    def __init__(self, title: str, console: Console | None = None) -> None:
        super().__init__()
        self.title, self.console = title, console or Console(stderr=True)
        self._bar: Bar | None = bar_on(self.console)
        self._enabled = True

    def disable(self) -> None:
        """Show nothing. Lightning calls this in all processes but the first."""
        self._enabled = False

    def enable(self) -> None:
        """Show the bar. Lightning calls this in the first process."""
        self._enabled = True

    def on_train_start(self, trainer: L.Trainer, task: L.LightningModule) -> None:
        """Open the bar at the step at which the training starts or resumes."""
        self._open(self.title, int(trainer.estimated_stepping_batches), trainer.global_step)

    def on_train_batch_end(self, trainer: L.Trainer, *_: Any) -> None:
        """Move the bar."""
        if self._bar is not None:
            self._bar.update(completed=trainer.global_step)

    def on_validation_end(self, trainer: L.Trainer, task: L.LightningModule) -> None:
        """Show the validation error beside the bar, or print it if there is no terminal."""
        if trainer.sanity_checking or not self._enabled:
            return
        errors = {k.removeprefix("validation/"): v for k, v in trainer.callback_metrics.items() if "validation/" in k}
        note = "  ".join(f"{name} {float(value):.4g}" for name, value in errors.items())
        epoch = f"epoch {trainer.current_epoch + 1}/{trainer.max_epochs}"
        if self._bar is not None:
            self._bar.update(note=f"{epoch}  {note}")
        else:
            self.console.print(f"{self.title}: {epoch}  {note}", highlight=False)

    def on_train_end(self, *_: Any) -> None:
        """Close the bar."""
        self._close()

    def on_exception(self, *_: Any) -> None:
        """Close the bar, so that the error message gets its own line."""
        self._close()

    def on_test_start(self, trainer: L.Trainer, task: L.LightningModule) -> None:
        """Open a bar over the test's batches."""
        self._open(f"{self.title}: test", int(sum(trainer.num_test_batches)), 0)

    def on_test_batch_end(self, *_: Any) -> None:
        """Move the bar."""
        if self._bar is not None:
            self._bar.update(advance=1)

    def on_test_end(self, *_: Any) -> None:
        """Close the bar."""
        self._close()

    def _open(self, title: str, total: int, completed: int) -> None:
        if self._enabled and self._bar is not None:
            self._bar.open(title, total, completed)

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
