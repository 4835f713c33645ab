"""Parts that do not fit together are named before any training begins."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from smoke import LIFTER, SMOKE, Run

from egotap_pl import compose
from egotap_pl.engine.early_checks import EarlyChecks


@pytest.fixture(autouse=True)
def fitted(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The trainings that begin. They end at once."""
    begun: list[Any] = []

    def begin(_: Any, job: Any, devices: int) -> None:
        begun.append(job.title)
        raise KeyboardInterrupt

    monkeypatch.setattr("egotap_pl.engine.experiment.launch", begin)
    return begun


def test_a_part_of_ones_own_that_gives_a_wrong_shape(home: Path, run: Run, fitted: list[Any]) -> None:
    own = ("lifter/propagation=none", "lifter.propagation._target_=own_parts.Wide")
    err = run("train", *SMOKE, *own, f"paths.stages={home / 'trial'}", ok=False).err
    message = err[err.index("egotap: ") :]
    assert message.startswith("egotap: lifter: a trial step failed")
    assert "Lifter" in message
    assert "Wide" in message
    assert "shapes" in message
    assert "Traceback" not in message
    assert not fitted  # not even the estimators


def test_a_part_that_looks_at_values_is_tried_on_real_frames(run: Run, fitted: list[Any]) -> None:
    own = ("lifter/propagation=none", "lifter.propagation._target_=own_parts.Values")
    before = torch.get_rng_state()
    run("train", *LIFTER, *own, "paths.runs=values", ok=False)
    assert fitted == ["lifter"]
    assert torch.equal(before, torch.get_rng_state())


def test_augmented_trainings_are_tried_without_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    real: list[Any] = []
    monkeypatch.setattr("egotap_pl.engine.trial._confirm", lambda *arguments: real.append(arguments))
    EarlyChecks().check_parts(compose("scale=smoke", "augment=mirror"))
    assert not real


@pytest.mark.parametrize(
    ("words", "start"),
    [
        (
            ["lifter=unrealego", "training=ego3dpose"],
            "Ego3DPoseTask cannot train UnrealEgoLifter, which has no select_limbs",
        ),
        (["lifter=egotap", "training=unrealego"], "UnrealEgoTask cannot train Lifter, which has no estimate"),
        (
            ["experiment=table1/egoglass", "heatmaps=truth"],
            "EgoGlassTask trains its own estimators: choose heatmaps=eg",
        ),
        (["experiment=beyond/egoposeformer", "heatmaps=estimated"], "the lifter reads images, but cached heatmaps"),
        (["pretraining=heatmaps", "heatmaps=truth"], "image encoder: parts of the configuration do not fit together"),
        (["augment=photometric"], "Photometric changes images, and lifters learn from kept heatmaps"),
        (["data=egosynth_stick", "augment=mirror"], "has no mirror image (its poses are relative to the left camera"),
        (["lifter=egotap", "training=egoposeformer"], "RefiningTask cannot train Lifter, which has no estimate"),
    ],
)
def test_groups_that_do_not_go_together(words: list[str], start: str, run: Run, fitted: list[Any]) -> None:
    err = run("train", *SMOKE, *words, "paths.stages=trial", ok=False).err
    assert start in err
    assert "Traceback" not in err
    assert not fitted
