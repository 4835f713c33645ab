"""Promised against found errors."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from egotap_pl.metrics import calibration


@pytest.mark.parametrize("groups", [1, 4, 10])
def test_groups_equal_numpys(groups: int) -> None:
    generator = np.random.default_rng(0)
    promised, found = generator.random((30, 5)), generator.random((30, 5))
    found[3, 2] = np.nan
    result = calibration(torch.from_numpy(promised), torch.from_numpy(found), groups)
    known = ~np.isnan(found)
    order = np.argsort(promised[known])
    parts = np.array_split(order, groups)
    expected = [(promised[known][part].mean(), found[known][part].mean(), len(part)) for part in parts]
    np.testing.assert_allclose(torch.stack([*result[:2], result.joints.double()], 1).numpy(), expected)
    assert result.error_mm == pytest.approx(
        np.average([abs(p - f) for p, f, _ in expected], weights=[n for *_, n in expected])
    )


def test_errors_as_promised_are_calibrated_and_others_are_not() -> None:
    promised = torch.linspace(1, 50, 20000, dtype=torch.float64)
    found = promised / 3 * torch.from_numpy(np.random.default_rng(0).gamma(3.0, size=20000))
    assert calibration(promised, found).error_mm < 0.5
    assert calibration(2 * promised, found).error_mm == pytest.approx(25.5, rel=0.05)


def test_few_joints_and_none() -> None:
    assert calibration(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 2.0])).joints.tolist() == [1, 1]
    none = calibration(torch.tensor([1.0]), torch.tensor([math.nan]))
    assert math.isnan(none.error_mm)
