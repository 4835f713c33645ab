"""Terms and weights must match."""

from __future__ import annotations

import math
from inspect import unwrap  # what users run, without the check of shapes in tests
from typing import Any

import pytest
import torch

from egotap_pl.core.errors import EgotapError
from egotap_pl.losses import WeightedSum
from egotap_pl.losses.weighted import LossTermsError


def test_the_sum_is_weighted_and_the_terms_are_not() -> None:
    a, b = torch.tensor(2.0, requires_grad=True), torch.tensor(-3.0, requires_grad=True)
    total, terms = WeightedSum({"b": 0.5, "a": 10})({"a": a, "b": b})
    assert total.item() == 18.5
    assert {name: term.item() for name, term in terms.items()} == {"a": 2.0, "b": -3.0}
    assert not any(term.requires_grad for term in terms.values())
    total.backward()
    assert (a.grad.item(), b.grad.item()) == (10.0, 0.5)


@pytest.mark.parametrize(
    ("weights", "terms", "parts"),
    [
        ({"mpjpe": 1.0}, ("mpjpe", "cosine"), ["terms without a weight: ['cosine']"]),
        ({"mpjpe": 1.0, "mask": 1.0}, ("mpjpe",), ["weights without a term: ['mask']"]),
        ({"mpjep": 1.0}, ("mpjpe",), ["['mpjpe']", "['mpjep']"]),
        ({"mpjpe": 1.0}, (), ["weights without a term: ['mpjpe']"]),
    ],
)
def test_a_mismatch_names_both_sides(weights: dict[str, float], terms: tuple[str, ...], parts: list[str]) -> None:
    with pytest.raises(ValueError, match="loss terms") as error:
        WeightedSum(weights)({name: torch.tensor(1.0) for name in terms})
    assert isinstance(error.value, EgotapError)
    assert all(part in str(error.value) for part in parts)


@pytest.mark.parametrize("weights", [{}, {"mpjpe": math.nan}, {"mpjpe": math.inf}])
def test_weights_must_be_numbers(weights: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="finite"):
        WeightedSum(weights)


@pytest.mark.parametrize(
    ("term", "found"), [(torch.ones(16), "one of shape \\(16,\\)"), (3.0, "float"), (torch.ones(0), "one of shape")]
)
def test_a_term_is_one_number(term: Any, found: str) -> None:
    with pytest.raises(LossTermsError, match=f"loss term mine: must be a tensor with one number, found {found}"):
        unwrap(WeightedSum.__call__)(
            WeightedSum({"mpjpe": 1.0, "mine": 1.0}), {"mpjpe": torch.tensor(1.0), "mine": term}
        )
