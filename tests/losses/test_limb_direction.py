"""Loss of limb directions, computed by hand."""

from __future__ import annotations

import pytest
import torch

from egotap_pl.losses import limb_direction_mse

POSE = torch.tensor([[[0.0, 0.0, 0.0], [0.0, 0.0, 5.0], [3.0, 4.0, 5.0]]])
LIMBS = ((1, 0), (2, 1))


def test_true_directions_are_unit_vectors_from_parent_to_child() -> None:
    directions = torch.tensor([[[0.0, 0.0, 1.0], [0.6, 0.8, 0.0]]])
    assert limb_direction_mse(directions, POSE, LIMBS).item() == pytest.approx(0.0, abs=1e-12)
    assert limb_direction_mse(directions, 7 * POSE + 30, LIMBS).item() == pytest.approx(0.0, abs=1e-10)
    assert limb_direction_mse(-directions, POSE, LIMBS).item() == pytest.approx(4 * 2 / 6)


def test_a_limb_without_length_has_no_direction() -> None:
    assert torch.isfinite(limb_direction_mse(torch.zeros(1, 2, 3), torch.zeros(1, 3, 3), LIMBS))
