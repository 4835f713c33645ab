"""The one place where loss terms meet their weights."""

from __future__ import annotations

import math
from collections.abc import Mapping

from jaxtyping import Float
from torch import Tensor

from egotap_pl.core.errors import EgotapError


class LossTermsError(EgotapError, ValueError):
    """Terms and weights of a loss do not go together."""


class WeightedSum:
    """Sum of named loss terms, each with its weight from the configuration.

    Args:
        weights: a finite number for each term; a term that is to be left out has weight 0.

    Raises:
        LossTermsError: if there is no weight at all, or one is not a finite number.
    """

    def __init__(self, weights: Mapping[str, float | int]) -> None:
        self.weights = {name: float(weight) for name, weight in weights.items()}
        bad = {name: weight for name, weight in self.weights.items() if not math.isfinite(weight)}
        if bad or not self.weights:
            raise LossTermsError(f"loss weights must be finite numbers, at least one: {bad or self.weights}")

    def __call__(self, terms: Mapping[str, Float[Tensor, ""]]) -> tuple[Float[Tensor, ""], dict[str, Tensor]]:
        """The weighted sum, and the terms as they are, without gradient, for the log.

        Raises:
            LossTermsError: if a term has no weight or a weight has no term.
        """
        unweighted, unused = sorted(terms.keys() - self.weights.keys()), sorted(self.weights.keys() - terms.keys())
        if unweighted or unused:
            raise LossTermsError(
                f"loss terms {sorted(terms)} and weights {sorted(self.weights)} differ: "
                f"terms without a weight: {unweighted}, weights without a term: {unused}"
            )
        first, *others = (self.weights[name] * term for name, term in terms.items())
        return sum(others, start=first), {name: term.detach() for name, term in terms.items()}
