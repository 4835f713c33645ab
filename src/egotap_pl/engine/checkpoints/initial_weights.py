"""Weights that a training starts from: those of another checkpoint."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from egotap_pl.core.digest import sha256_of
from egotap_pl.core.errors import EgotapError
from egotap_pl.core.wording import some_of
from egotap_pl.engine.build import Spec
from egotap_pl.engine.checkpoints.files import checkpoint_path
from egotap_pl.engine.checkpoints.loading import read_checkpoint

ESTIMATOR = "estimator"
"""Name of the network in the task of an estimator."""
_MOST_NAMED = 12  # modules in a message; more are named by the larger parts that they are in


class Misfit(EgotapError):
    """Weights of a checkpoint that do not fit the networks of trainings.

    Args:
        reasons: what does not fit, in the first of the trainings.
        skips: the overrides that start modules anew instead, one for each training.
    """

    def __init__(self, reasons: str, skips: Sequence[str]) -> None:
        self.reasons, self.skips = reasons, tuple(skips)
        super().__init__(f"{reasons} anew: {' '.join(skips)}")


@dataclass(frozen=True)
class Start:
    """A checkpoint whose weights a training starts from."""

    path: Path
    """The file."""

    skip: tuple[str, ...]
    """Modules and parameters of the task that start anew instead, by their dotted names."""

    kind: str | None
    """For an estimator, its kind (``joint``, ``limb`` or ``shared``), to find it in a lifter's checkpoint."""

    def identity(self) -> Spec:
        """What determines the weights: the file's content, not its place."""
        return {"weights": _digest(self.path), "skip": list(self.skip)}

    def load(self, task: nn.Module) -> None:
        """Load the weights of all modules that are trained.

        Args:
            task: the new training's task.

        Raises:
            EgotapError: see `fitting`.
        """
        task.load_state_dict(self.fitting(task), strict=False)

    def fitting(self, task: nn.Module) -> dict[str, Tensor]:
        """The checkpoint's weights for all modules of a task that are trained. Nothing is loaded.

        Args:
            task: the new training's task; its weights need no memory (torch's meta device).

        Raises:
            EgotapError: if the file is not a checkpoint, a weight that is not skipped does not fit, or a name in
                ``skip`` does not exist. The message names the weights, and what to skip.
        """
        given = dict(self._weights())
        state = task.state_dict()
        own = {name: value for name, value in state.items() if name.split(".", 1)[0] in _trained_modules(task)}
        for skipped in self.skip:
            if not any(_is_in(name, skipped) for name in own):
                nearest = ", ".join(sorted(_large_parts(own)))
                raise EgotapError(f"init_skip names {skipped}, which this network does not have; it has {nearest}")
        wanted = {name: value for name, value in own.items() if not any(_is_in(name, part) for part in self.skip)}
        wrong = dict(_misfits(wanted, given))
        if wrong:
            reasons = some_of([f"{name}: {reason}" for name, reason in wrong.items()], "; ")
            where = "training" if self.kind is None else f"estimators.{self.kind}"
            parts, these = _outermost(wrong, wanted), "these"
            if len(parts) > _MOST_NAMED:
                parts, these = _large_parts(wrong), "the parts that they are in"
            raise Misfit(
                f"init={self.path}: {len(wrong)} of {len(wanted)} weights do not fit: {reasons}. "
                f"{'Is it for another scale? ' if len(wrong) > len(wanted) / 2 else ''}"
                f"To start {these}",
                [f"{where}.init_skip=[{','.join([*self.skip, *parts])}]"],
            )
        return {name: given[name] for name in wanted}

    def _weights(self) -> Iterator[tuple[str, Tensor]]:
        """The checkpoint's weights under the names that they have in the new task."""
        weights: Mapping[str, Tensor] = read_checkpoint(self.path)["state_dict"]
        inside = f"heatmaps.{self.kind}.module."
        if self.kind is None or not any(name.startswith(inside) for name in weights):
            yield from weights.items()
            return
        for name, value in weights.items():
            if name.startswith(inside):
                yield f"{ESTIMATOR}.{name.removeprefix(inside)}", value


def start_of(init: str | None, skip: Sequence[str], kind: str | None = None) -> Start | None:
    """The start that a configuration asks for; None: random weights, or those of ``initialise``.

    Args:
        init: a checkpoint, or a run's folder, whose best checkpoint is used.
        skip: see `Start`.
        kind: see `Start`.

    Raises:
        EgotapError: if there is no such file.
    """
    if not init:
        return None
    path = checkpoint_path(init)
    if not path.is_file():
        raise EgotapError(f"init={init}: no such checkpoint; give a file, or the folder of a finished run")
    return Start(path.absolute(), tuple(skip), kind)


def _trained_modules(task: nn.Module) -> set[str]:
    """Names of the task's parts that are trained; frozen estimators have weights of their own."""
    return {name for name, child in task.named_children() if any(p.requires_grad for p in child.parameters())}


def _is_in(name: str, part: str) -> bool:
    return name == part or name.startswith(f"{part}.")


def _outermost(wrong: Collection[str], wanted: Collection[str]) -> list[str]:
    """The fewest modules and parameters that have all of the wrong weights and no others."""
    found: dict[str, None] = {}
    for name in wrong:
        words = name.split(".")
        parts = (".".join(words[:number]) for number in range(1, len(words) + 1))
        found[next(part for part in parts if all(other in wrong for other in wanted if _is_in(other, part)))] = None
    return list(found)


def _large_parts(names: Collection[str]) -> list[str]:
    """The parts of networks that weights are in, such as ``lifter.encoder``."""
    return list(dict.fromkeys(".".join(name.split(".")[:2]) for name in names))


def _misfits(wanted: Mapping[str, Tensor], given: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in wanted.items():
        if name not in given:
            yield name, "not in the checkpoint"
        elif not isinstance(given[name], Tensor) or given[name].shape != value.shape:
            yield name, f"shape {tuple(value.shape)} here, {tuple(getattr(given[name], 'shape', ()))} in the checkpoint"


_digest = lru_cache(maxsize=16)(sha256_of)
