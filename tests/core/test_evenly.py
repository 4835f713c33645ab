from __future__ import annotations

import pytest

from egotap_pl.core.evenly import evenly


@pytest.mark.parametrize(
    ("number", "count", "wanted"),
    [(3, 5, [0, 2, 4]), (1, 9, [0]), (0, 9, []), (5, 3, [0, 1, 2]), (4, 0, []), (2, 100, [0, 99])],
)
def test_the_first_the_last_and_what_lies_between(number: int, count: int, wanted: list[int]) -> None:
    assert evenly(number, count) == wanted
