"""Several augmentations, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import Generator

from egotap_pl.core.batch import Batch


class InTurn:
    """Applies several augmentations one after the other."""

    def __init__(self, steps: Sequence[Callable[[Batch, Generator], Batch]]) -> None:
        self.steps = tuple(steps)

    def __call__(self, batch: Batch, generator: Generator) -> Batch:
        """Returns the batch after all steps."""
        for step in self.steps:
            batch = step(batch, generator)
        return batch
