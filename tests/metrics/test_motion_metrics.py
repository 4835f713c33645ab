"""Errors of movement against NumPy, motion by motion, and against movements whose errors are known."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import torch

from egotap_pl.metrics import MotionMetrics
from egotap_pl.metrics.motion import consecutive, frame_stride

NAMES, CATEGORIES = ("head", "hand", "foot"), ("walking", "boxing", "golf")


def recording(lengths: dict[int, int], stride: int = 1, seed: int = 0) -> dict[str, np.ndarray]:
    """Random poses of motions, each with its length; motion m is of category m mod 2."""
    generator = np.random.default_rng(seed)
    frames = sum(lengths.values())
    motion = np.concatenate([np.full(length, m) for m, length in lengths.items()])
    number = np.concatenate([7 + m + stride * np.arange(length) for m, length in lengths.items()])
    truth = generator.normal(0, 30, (frames, len(NAMES), 3))
    return {
        "pose_cm": truth + generator.normal(0, 3, truth.shape),
        "truth_cm": truth,
        "category": motion % 2,
        "motion": motion,
        "frame_number": number,
    }


def computed(arrays: dict[str, np.ndarray], batches: list[np.ndarray] | None = None) -> dict[str, Any]:
    metric = MotionMetrics(NAMES, CATEGORIES)
    for rows in batches or [np.arange(len(arrays["motion"]))]:
        metric.update(**{name: torch.from_numpy(values[rows]) for name, values in arrays.items()})
    return metric.compute()


def by_hand(pose: np.ndarray, truth: np.ndarray, cuts: list[slice], stride: int = 1) -> dict[str, np.ndarray]:
    """All lengths of differences, of each uninterrupted piece, by np.diff."""
    parts: dict[str, list[np.ndarray]] = {name: [] for name in ("mpjve", "acceleration_error", "jitter", "true_jitter")}
    for cut in cuts:
        p, t = 10 * pose[cut], 10 * truth[cut]
        parts["mpjve"].append(np.linalg.norm(np.diff(p, axis=0) - np.diff(t, axis=0), axis=-1) / stride)
        parts["acceleration_error"].append(
            np.linalg.norm(p[:-2] - 2 * p[1:-1] + p[2:] - (t[:-2] - 2 * t[1:-1] + t[2:]), axis=-1) / stride**2
        )
        for name, x in (("jitter", p), ("true_jitter", t)):
            parts[name].append(np.linalg.norm(x[3:] - 3 * x[2:-1] + 3 * x[1:-2] - x[:-3], axis=-1) / stride**3)
    return {name: np.concatenate(values) for name, values in parts.items()}


@pytest.mark.parametrize("stride", [1, 4])
def test_every_measure_equals_numpys(stride: int) -> None:
    arrays = recording({0: 9, 1: 6, 2: 4}, stride)
    errors = computed(arrays)
    cuts = [slice(0, 9), slice(9, 15), slice(15, 19)]
    expected = by_hand(arrays["pose_cm"], arrays["truth_cm"], cuts, stride)
    walking = by_hand(arrays["pose_cm"], arrays["truth_cm"], [cuts[0], cuts[2]], stride)
    assert errors["frame_stride"] == stride
    assert set(errors["per_category"]) == {"walking", "boxing"}
    for name, values in expected.items():
        assert errors[name] == pytest.approx(values.mean())
        assert list(errors[f"per_joint_{name}"].values()) == pytest.approx(values.mean(0).tolist())
        assert errors["per_category"]["walking"][name] == pytest.approx(walking[name].mean())


def test_neither_order_nor_batches_matter() -> None:
    arrays = recording({3: 8, 0: 5})
    shuffled = np.random.default_rng(1).permutation(13)
    expected = computed(arrays)
    for batches in (np.array_split(shuffled, 5), [np.arange(0, 13, 2), np.arange(1, 13, 2)]):
        assert _flat(computed(arrays, list(batches))) == pytest.approx(_flat(expected))


def _flat(errors: dict[str, Any]) -> dict[str, float]:
    flat: dict[str, float] = {}
    for name, value in errors.items():
        flat |= {f"{name}.{k}": v for k, v in _flat(value).items()} if isinstance(value, dict) else {name: value}
    return flat


def test_nothing_is_compared_across_a_gap_or_between_motions() -> None:
    arrays = recording({0: 6, 1: 5})
    arrays["frame_number"][3:6] += 1  # frame 3 of the first motion is missing
    errors = computed(arrays)
    cuts = [slice(0, 3), slice(3, 6), slice(6, 11)]
    for name, values in by_hand(arrays["pose_cm"], arrays["truth_cm"], cuts).items():
        assert errors[name] == pytest.approx(values.mean())


def test_unknown_joints_count_in_no_difference_that_needs_them() -> None:
    arrays = recording({0: 8})
    arrays["truth_cm"][2, 1, 0] = np.nan
    arrays["truth_cm"][:, 2] = np.nan
    errors = computed(arrays)
    for name, values in by_hand(arrays["pose_cm"], arrays["truth_cm"], [slice(0, 8)]).items():
        if name == "jitter":  # of the estimate, where the truth is known
            order = 3
            unknown = np.isnan(arrays["truth_cm"]).any(-1)
            needed = np.stack([unknown[k : len(unknown) - order + k] for k in range(order + 1)]).any(0)
            values = np.where(needed, np.nan, values)
        assert errors[name] == pytest.approx(np.nanmean(values))
        assert errors[f"per_joint_{name}"]["foot"] is None
        assert errors[f"per_joint_{name}"]["hand"] == pytest.approx(np.nanmean(values[:, 1]))


def test_a_constant_offset_has_no_error_of_movement_and_noise_has_one() -> None:
    steps = torch.arange(20, dtype=torch.float64)[:, None, None]
    truth = torch.stack((steps, 2 * steps, steps**2), -1)[:, :, 0].expand(-1, 3, -1)
    same = torch.zeros(20, dtype=torch.int64)
    metric = MotionMetrics(NAMES, CATEGORIES)
    metric.update(truth + 5, truth, same, same, torch.arange(20))
    errors = metric.compute()
    assert errors["mpjve"] == pytest.approx(0, abs=1e-9)
    assert errors["true_jitter"] == pytest.approx(0, abs=1e-9)  # a parabola has no jerk
    metric.reset()
    alternating = torch.tensor([0.1, -0.1], dtype=torch.float64).repeat(10)[:, None, None]
    metric.update(truth + alternating * torch.tensor([1.0, 0.0, 0.0]), truth, same, same, torch.arange(20))
    errors = metric.compute()
    assert [errors[name] for name in ("mpjve", "acceleration_error", "jitter")] == pytest.approx([2, 4, 8])


def test_single_pictures_of_motions_have_no_errors_of_movement() -> None:
    arrays = recording({0: 3, 1: 3, 2: 3})
    arrays["frame_number"] = np.array([0, 18, 40, 3, 20, 41, 5, 25, 44])
    assert computed(arrays) == {}
    assert computed(recording(dict.fromkeys(range(4), 1))) == {}


def test_motions_that_are_too_short_lack_the_higher_measures() -> None:
    errors = computed(recording({0: 2, 1: 3}))
    assert {"mpjve", "acceleration_error"} <= errors.keys()
    assert "jitter" not in errors
    assert set(errors["per_category"]["walking"]) == {"mpjve"}


def test_the_stride_is_that_of_most_frames() -> None:
    motion = torch.tensor([0, 0, 0, 0, 1, 1])
    assert frame_stride(motion, torch.tensor([0, 3, 6, 12, 1, 4])) == 3
    assert frame_stride(motion, torch.tensor([0, 3, 5, 12, 1, 4])) is None
    assert frame_stride(torch.tensor([0, 1]), torch.tensor([0, 1])) is None


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_consecutive_frames_by_hand(steps: int) -> None:
    generator = np.random.default_rng(steps)
    motion = np.sort(generator.integers(0, 4, 30))
    number = np.concatenate([np.sort(generator.choice(12, (motion == m).sum(), replace=False)) for m in range(4)])
    expected = [
        all(
            motion[a] == motion[b] and number[b] - number[a] == 1
            for a, b in itertools.pairwise(range(k, k + steps + 1))
        )
        for k in range(30 - steps)
    ]
    assert consecutive(torch.from_numpy(motion), torch.from_numpy(number), 1, steps).tolist() == expected
    assert any(expected)


def test_processes_pool_their_frames() -> None:
    assert all(reduce.__name__ == "dim_zero_cat" for reduce in MotionMetrics(NAMES, CATEGORIES)._reductions.values())
