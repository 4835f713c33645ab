"""What a task's test computes, as metrics.json holds it."""

from __future__ import annotations

import json

import numpy as np
import torch

from egotap_pl.engine.runs.results import not_finite, plain_numbers


def test_tensors_and_arrays_of_a_users_metrics_are_numbers() -> None:
    results = {
        "hands_mpjpe": torch.tensor(12.5),
        "per_joint_count": {"head": np.int64(3), "neck": np.float32(0.5)},
        "shares": torch.tensor([0.25, 0.75]),
        "mpjpe": 7.0,
        "pa_mpjpe": None,
    }
    expected = {
        "hands_mpjpe": 12.5,
        "per_joint_count": {"head": 3, "neck": 0.5},
        "shares": [0.25, 0.75],
        "mpjpe": 7.0,
        "pa_mpjpe": None,
    }
    assert json.loads(json.dumps(plain_numbers(results))) == expected
    assert list(not_finite(plain_numbers({"of_user": {"a": torch.tensor(torch.nan)}}))) == ["of_user.a"]
