"""Evenly spaced indices: how many, and which."""

from __future__ import annotations

import pytest

from egotap_pl.core.evenly import evenly


@pytest.mark.parametrize(
    ("number", "count", "expected"),
    [(3, 5, [0, 2, 4]), (1, 9, [0]), (0, 9, []), (5, 3, [0, 1, 2]), (4, 0, []), (2, 100, [0, 99])],
)
def test_indices_include_the_first_and_the_last(number: int, count: int, expected: list[int]) -> None:
    assert evenly(number, count) == expected
