"""The weighted sum of loss terms."""

from __future__ import annotations

import math
from collections.abc import Mapping

from jaxtyping import Float
from torch import Tensor

from egotap_pl.core.errors import EgotapError


class LossTermsError(EgotapError, ValueError):
    """The terms and weights of a loss do not match."""


class WeightedSum:
    """Sum of named loss terms, each multiplied by its weight from the configuration.

    Args:
        weights: a finite number for each term; 0 switches a term off.

    Raises:
        LossTermsError: if there are no weights, or a weight is not a finite number.

    Examples:
        >>> import torch
        >>> loss, terms = WeightedSum({"mpjpe": 0.1})({"mpjpe": torch.tensor(5.0)})
        >>> loss, terms
        (tensor(0.5000), {'mpjpe': tensor(5.)})
    """

    def __init__(self, weights: Mapping[str, float | int]) -> None:
        self.weights = {name: float(weight) for name, weight in weights.items()}
        bad = {name: weight for name, weight in self.weights.items() if not math.isfinite(weight)}
        if bad or not self.weights:
            raise LossTermsError(f"loss weights must be finite numbers, and at least one: {bad or self.weights}")

    def __call__(self, terms: Mapping[str, Float[Tensor, ""]]) -> tuple[Float[Tensor, ""], dict[str, Tensor]]:
        """The weighted sum, and the unweighted terms without gradients for the log.

        Raises:
            LossTermsError: if a term has no weight, a weight has no term, or a term is not a tensor with one number.
        """
        unweighted, unused = sorted(terms.keys() - self.weights.keys()), sorted(self.weights.keys() - terms.keys())
        if unweighted or unused:
            raise LossTermsError(
                f"loss terms {sorted(terms)} and weights {sorted(self.weights)} differ: "
                f"terms without a weight: {unweighted}, weights without a term: {unused}"
            )
        for name, term in terms.items():
            if not isinstance(term, Tensor) or term.numel() != 1:
                found = f"one of shape {tuple(term.shape)}" if isinstance(term, Tensor) else type(term).__name__
                raise LossTermsError(f"loss term {name}: must be a tensor with one number, found {found}")
        first, *others = (self.weights[name] * term for name, term in terms.items())
        return sum(others, start=first), {name: term.detach() for name, term in terms.items()}
