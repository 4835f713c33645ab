"""Checks, before any work begins, that the estimators that are configured are those whose heatmaps a lifter reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from egotap_pl.core.errors import EgotapError

if TYPE_CHECKING:
    from egotap_pl.engine.training_specs import TrainingSpec

_ALWAYS = ("joint", "limb")
"""Kinds of estimators that every configuration has, whether they are read or not."""
_LEAN = "shared"
"""Kind of the estimator that estimator=lean chooses."""


def check_estimators(
    read: Mapping[str, TrainingSpec], configured: Mapping[str, Any], choices: Mapping[str, str | None]
) -> None:
    """Check that an estimator that was asked for is read, and that those that are read have weights or get some.

    Where no estimator is read, as with ``heatmaps=truth``, nothing is checked.

    Args:
        read: the trainings of the estimators whose heatmaps the lifter reads, by kind.
        configured: the node of all estimators.
        choices: the option of each group.

    Raises:
        EgotapError: if another estimator would be trained in place of the one that was asked for, or one that is read
            would keep its random weights.
    """
    asked = [kind for kind in configured if kind not in _ALWAYS]
    if choices.get("estimator") == "lean":
        asked.append(_LEAN)
    if read and (unread := [kind for kind in asked if kind not in read]):
        words = [f"{group}={choices[group]}" for group in ("estimator", "estimators", "heatmaps") if group in choices]
        raise EgotapError(
            f"heatmaps are those of estimators.{', estimators.'.join(read)}, and estimators.{unread[0]} is not used "
            f"({' '.join(words)}): give heatmaps={unread[0]}, or leave out what chooses estimators.{unread[0]}"
        )
    for kind, training in read.items():
        if not training.epochs and not training.init:
            given = [f"estimators.{other}" for other, node in configured.items() if node.get("init")]
            raise EgotapError(
                f"estimators.{kind}.epochs=0: this estimator is not trained and would keep its random weights; give "
                f"estimators.{kind}.init=CHECKPOINT, or 1 epoch or more"
                + (f" (only {' and '.join(given)} start from a checkpoint)" if given else "")
            )
