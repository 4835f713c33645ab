"""Runs with known errors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

if TYPE_CHECKING:
    from egotap_pl.analysis.runs import Run

MakeRun = Callable[..., "Run"]


@pytest.fixture
def make_run(tmp_path: Path) -> MakeRun:
    """Makes a run in which all joints of a frame have the same error (mm), each in another direction."""
    # Imported here, because pytest must first set up the checks of shapes.
    from egotap_pl.analysis.predictions import Predictions
    from egotap_pl.analysis.runs import Run
    from egotap_pl.core.skeleton import unrealego

    def make(experiment: str, seed: int, error_mm: Sequence[float], motion: Sequence[str], **metrics: object) -> Run:
        skeleton, frames = unrealego(), len(error_mm)
        joints = len(skeleton.estimated)
        generator = np.random.default_rng([seed, len(experiment)])
        truth_cm = np.random.default_rng(0).normal(0, 40, (frames, joints, 3)).astype(np.float32)
        off = generator.normal(size=truth_cm.shape)
        off /= np.linalg.norm(off, axis=-1, keepdims=True)
        pose_cm = (truth_cm + off * np.reshape(error_mm, (-1, 1, 1)) / 10).astype(np.float32)
        folder = tmp_path / "runs" / experiment / f"seed={seed}"
        folder.mkdir(parents=True)
        rows = np.arange(frames)
        category = ("walking", "sitting") * (frames // 2) + ("walking",) * (frames % 2)
        predictions = Predictions(
            pose_cm,
            truth_cm,
            np.ones((frames, 2, joints), np.uint8),
            rows,
            category,
            ("s",) * frames,
            tuple(motion),
            rows,
            skeleton,
            "f" * 64,
            "test",
        )
        predictions.write(folder / "predictions.h5")
        mean = float(np.mean(error_mm))
        results: dict[str, object] = {
            "mpjpe": mean,
            "pa_mpjpe": 0.8 * mean,
            "frames": frames,
            "per_joint": dict.fromkeys(skeleton.estimated_names, mean),
            "per_category": {
                name: {
                    "mpjpe": float(np.mean([e for e, c in zip(error_mm, category, strict=True) if c == name])),
                    "pa_mpjpe": 1.0,
                    "frames": category.count(name),
                }
                for name in ("walking", "sitting")
            },
            "seconds": 3600.0,
            "test_seconds": 2.0,
            "device": "cpu, 1 threads",
            "experiment": experiment,
            "dataset": "egosynth",
            "dataset_fingerprint": "f" * 64,
            "split": "test",
            "seed": seed,
            "commit": "abc",
            "parameters": 1234567,
        }
        return Run(folder, {"seed": seed}, results | metrics)

    return make
