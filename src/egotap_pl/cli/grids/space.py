"""What a search goes through: the sweeps of Hydra's grammar as distributions of Optuna."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from hydra.core.override_parser.types import IntervalSweep, Override, RangeSweep, ValueType

from egotap_pl.core.errors import EgotapError
from egotap_pl.engine.build import Spec
from egotap_pl.engine.runs.labels import ASIDE

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution


class Space(NamedTuple):
    """The overrides of a study's trials."""

    searched: dict[str, BaseDistribution]
    """The distribution of every key that is searched."""

    repeated: dict[str, list[str]]
    """Lists of values. Every trial is run with each of them, and their mean counts."""

    fixed: list[str]
    """Overrides of every trial."""

    def describe(self) -> Spec:
        """What must not change when a study is continued, as plain containers."""
        return {
            "searched": {key: repr(distribution) for key, distribution in sorted(self.searched.items())},
            "repeated": dict(sorted(self.repeated.items())),
            "fixed": sorted(word for word in self.fixed if not word.startswith(ASIDE)),
        }


def space_of(overrides: Sequence[Override]) -> Space:
    """Sort overrides into searched, repeated and fixed ones. If a key occurs twice, the last counts.

    Raises:
        EgotapError: if nothing is searched, or a sweep cannot be a distribution.
    """
    last = {override.get_key_element(): override for override in overrides}
    space = Space({}, {}, [])
    for key, override in last.items():
        if not override.is_sweep_override():
            space.fixed.append(f"{key}={override.get_value_element_as_str()}")
        elif override.value_type == ValueType.SIMPLE_CHOICE_SWEEP:
            space.repeated[key] = list(override.sweep_string_iterator())
        else:
            space.searched[key] = distribution(override)
    if not space.searched:
        lists = " ".join(f"{key}={','.join(values)}" for key, values in space.repeated.items())
        raise EgotapError(
            "nothing to search: give a sweep such as 'training.task.optimizer.lr=interval(1e-4,1e-2)' or "
            "'lifter/encoder=choice(cnn,rays)', or sweep=optuna without hydra.sweeper.params=null"
            + (f". Every trial is run with each value of a plain list: {lists}" if lists else "")
        )
    return space


def distribution(override: Override) -> BaseDistribution:
    """The distribution of Optuna for a sweep in Hydra's grammar.

    Raises:
        EgotapError: if its numbers are not valid for a distribution.
    """
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    sweep = override.value()
    try:
        if isinstance(sweep, IntervalSweep):
            assert sweep.start is not None
            assert sweep.end is not None
            is_whole = isinstance(sweep.start, int) and isinstance(sweep.end, int)
            log = "log" in sweep.tags
            return (IntDistribution if is_whole else FloatDistribution)(sweep.start, sweep.end, log=log)  # type: ignore[arg-type]
        values = list(override.sweep_string_iterator())
        if isinstance(sweep, RangeSweep) and all(word.lstrip("-").isdigit() for word in values):
            numbers = sorted(int(word) for word in values)
            return IntDistribution(numbers[0], numbers[-1], step=abs(int(sweep.step)))
        return CategoricalDistribution(values)
    except (ValueError, IndexError) as error:
        raise EgotapError(f"{override.input_line}: {error}") from error
