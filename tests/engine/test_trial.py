"""Parts that do not fit together are named before any training begins."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from smoke import LIFTER, SMOKE, Run

from egotap_pl import compose
from egotap_pl.engine.checks.early import EarlyChecks


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
    assert "Wide returned (2, 15, 32) in place of a tensor of (2, 15, 16)" in message
    assert "Traceback" not in message
    assert not fitted  # not even the estimators


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("_target_=own_parts.WideEncoder",), "WideEncoder returned (2, 16) in place of a tensor of (2, 8)"),
        (("_target_=own_parts.TupleEncoder",), "TupleEncoder returned tuple in place of a tensor of (2, 8)"),
        (("_target_=own_parts.DoubleEncoder",), "must have the same dtype"),
        (("_target_=own_parts.NoEncoder",), "NoEncoder must inherit from egotap_pl.nn.encoders.base.Encoder"),
        (("_target_=null",), "lifter.encoder._target_: must be the name of a class"),
        (("_partial_=false",), "write _partial_: true beside its _target_"),
    ],
)
def test_mistakes_in_an_encoder_are_named(words: tuple[str, ...], message: str, home: Path, run: Run) -> None:
    own = ("lifter/encoder=cnn", *(f"lifter.encoder.{word}" for word in words))
    err = run("train", *LIFTER, *own, f"paths.runs={home / 'mistaken'}", ok=False).err
    assert message in " ".join(err.split())
    assert "Traceback" not in err
    assert not list((home / "mistaken").rglob("run.json"))  # which the report would list as an unfinished run


def test_an_encoder_without_a_class_is_named(run: Run) -> None:
    err = run("train", *LIFTER, "lifter/encoder=cnn", "~lifter.encoder._target_", ok=False).err
    assert "lifter.encoder: names no class; it needs _target_ and _partial_: true" in " ".join(err.split())


def test_a_part_that_looks_at_values_is_tried_on_real_frames(run: Run, fitted: list[Any]) -> None:
    own = ("lifter/propagation=none", "lifter.propagation._target_=own_parts.Values")
    before = torch.get_rng_state()
    run("train", *LIFTER, *own, "paths.runs=values", ok=False)
    assert fitted == ["lifter"]
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize(
    ("word", "message"),
    [
        (
            "training.monitor=validation/mpjep",
            "lifter: monitor=validation/mpjep: no such number is logged; must be one of: validation/mpjpe, "
            "validation/pa_mpjpe, train/loss, ",
        ),
        (
            "estimators.joint.monitor=validation/mpjpe",
            "joint estimator: monitor=validation/mpjpe: no such number is logged; must be one of: validation/mse, ",
        ),
    ],
)
def test_a_monitor_that_is_not_logged_is_named_before_any_training(
    word: str, message: str, home: Path, run: Run, fitted: list[Any]
) -> None:
    err = run("train", *SMOKE, word, f"paths.stages={home / 'monitored'}", ok=False).err
    assert message in " ".join(err.split())
    assert not fitted


@pytest.mark.parametrize("monitor", ["validation/pa_mpjpe", "train/loss"])
def test_any_number_that_is_logged_can_be_the_monitor(monitor: str) -> None:
    EarlyChecks().check_parts(compose("scale=smoke", f"training.monitor={monitor}"))


NAN_ENCODER = ("lifter/encoder=cnn", "lifter.encoder._target_=own_parts.NanEncoder")


def test_a_part_that_gives_no_numbers_for_real_frames_is_named(home: Path, run: Run, fitted: list[Any]) -> None:
    err = run("train", *LIFTER, *NAN_ENCODER, f"paths.runs={home / 'nan'}", ok=False).err
    assert "lifter: NanEncoder gives numbers that are not finite for real frames" in " ".join(err.split())
    assert not fitted


def test_parts_are_not_blamed_for_black_images_or_heatmaps_of_untrained_estimators(run: Run, fitted: list[Any]) -> None:
    """A part may divide by the spread of what it sees."""
    EarlyChecks().check_parts(compose(*LIFTER, *NAN_ENCODER))
    run("train", *SMOKE, *NAN_ENCODER, "paths.stages=untrained", ok=False)
    assert fitted


def test_augmented_trainings_are_tried_without_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    real: list[Any] = []
    monkeypatch.setattr("egotap_pl.engine.checks.trial._confirm", lambda *arguments: real.append(arguments))
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
        (
            ["pretraining=heatmaps", "heatmaps=truth"],
            "image encoder: parts of the configuration do not fit together: GridViTEncoder reads heatmaps, and",
        ),
        (["experiment=beyond/egoposeformer", "lifter=peaks"], "the chosen lifter has no encoder: give another"),
        (["probe=reconstruction", "probe.of=x", "lifter=peaks"], "probe.task.encoder: is taken from lifter.enc"),
        (["heatmaps=none"], "lifter: Lifter reads heatmaps, and heatmaps=none gives it zeros"),
        (
            ["estimator=lean", "heatmaps=joint_only"],
            "heatmaps are those of estimators.joint, and estimators.shared is not used (estimator=lean estimators=",
        ),
        (["estimators=egosynth_fast", "heatmaps=estimated"], "estimators.limb, and estimators.shared is not used"),
        (
            ["estimators=egosynth_small", "experiment=beyond/lean_estimator"],
            "estimators.shared.init=CHECKPOINT, or 1 epoch or more (only estimators.joint and estimators.limb start",
        ),
        (["augment=photometric"], "Photometric changes images, and lifters learn from cached heatmaps"),
        (["augment=photometric", "heatmaps=truth"], "with heatmaps=truth the lifter sees none: give augment=mirror"),
        (["augment=photometric_jpeg", "heatmaps=truth"], "InTurn changes images, and with heatmaps=truth the lifter"),
        (["data=egosynth_stick", "augment=mirror"], "has no mirror image (its poses are relative to the left camera"),
        (
            ["lifter=peaks", "lifter._target_=own_parts.PlainLifter"],
            "PlainLifter has no set_mean_pose(): derive it from",
        ),
        (["init_skip=[lifter.head]"], "init_skip=[lifter.head]: there is no init=CHECKPOINT whose weights"),
        (["lifter=egotap", "training=egoposeformer"], "RefiningTask cannot train Lifter, which has no estimate"),
    ],
)
def test_groups_that_do_not_go_together(words: list[str], start: str, run: Run, fitted: list[Any]) -> None:
    err = run("train", *SMOKE, *words, "paths.stages=trial", ok=False).err
    assert start in err
    assert "Traceback" not in err
    assert not fitted


@pytest.mark.parametrize("heatmaps", ["truth", "none"])
def test_an_estimator_that_is_chosen_for_grids_does_not_matter_where_none_is_read(heatmaps: str) -> None:
    lifter = ["experiment=beyond/egoposeformer"] if heatmaps == "none" else []
    assert not compose(*SMOKE, *lifter, "estimator=lean", "estimators=egosynth_fast", f"heatmaps={heatmaps}").estimators
