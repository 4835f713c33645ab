"""A training starts from the weights of another checkpoint."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from random_checkpoints import checkpoint
from smoke import LIFTER, SMOKE, Run, run_folder

from egotap_pl import load_estimator, load_lifter

NO_STEP = ("training.task.optimizer.lr=0", "training.task.optimizer.weight_decay=0", "training.epochs=1")


def weights(network: torch.nn.Module) -> dict[str, torch.Tensor]:
    """Parameters alone: batch normalisation goes on counting even at a learning rate of zero."""
    return {name: value.detach() for name, value in network.named_parameters()}


def differing(one: torch.nn.Module, other: torch.nn.Module) -> set[str]:
    first, second = weights(one), weights(other)
    assert first.keys() == second.keys()
    return {name for name in first if not torch.equal(first[name], second[name])}


def test_at_a_rate_of_zero_the_weights_stay_those_of_the_checkpoint(home: Path, run: Run, tmp_path: Path) -> None:
    path = checkpoint(tmp_path / "other.ckpt", "heatmaps=truth")
    folder = run_folder(run("train", *LIFTER, *NO_STEP, f"init={path}", "paths.runs=init"), home)
    assert not differing(load_lifter(folder), load_lifter(path))
    without = run_folder(run("train", *LIFTER, *NO_STEP, "paths.runs=init"), home)
    assert without != folder
    assert differing(load_lifter(without), load_lifter(path))


def test_parts_that_are_skipped_start_anew(home: Path, run: Run, tmp_path: Path) -> None:
    path = checkpoint(tmp_path / "other.ckpt", "heatmaps=truth")
    words = (*LIFTER, *NO_STEP, f"init={path}", "paths.runs=init")
    folder = run_folder(run("train", *words, "init_skip=[lifter.head]"), home)
    names = differing(load_lifter(folder), load_lifter(path))
    assert names
    assert all(name.startswith("head.") for name in names)
    err = run("train", *words, "init_skip=[lifter.heed]", ok=False).err
    assert "init_skip names lifter.heed, which this network does not have; it has lifter." in err


def test_estimators_come_from_a_lifters_checkpoint(home: Path, run: Run, tmp_path: Path) -> None:
    path = checkpoint(tmp_path / "other.ckpt")
    still = [
        f"estimators.{kind}.{word}" for kind in ("joint", "limb") for word in ("task.optimizer.lr=0", "guard=null")
    ]
    folder = run_folder(run("train", *SMOKE, *NO_STEP, *still, f"init={path}", "paths.stages=init"), home)
    for kind in ("joint", "limb"):
        assert not differing(load_estimator(folder, kind), load_estimator(path, kind))
    assert not differing(load_lifter(folder), load_lifter(path))


def test_the_content_counts_and_not_the_place(home: Path, run: Run, tmp_path: Path) -> None:
    path = checkpoint(tmp_path / "other.ckpt", "heatmaps=truth")
    copy = tmp_path / "a=copy, elsewhere.ckpt"
    copy.write_bytes(path.read_bytes())
    words = (*LIFTER, *NO_STEP, "paths.runs=init")
    first = run_folder(run("train", *words, f"init={path}"), home)
    assert run_folder(run("train", *words, f"training.init={copy}"), home) == first
    assert run_folder(run("train", *words, f"init={copy}", "training.init=null"), home) != first


def test_what_to_skip_can_be_pasted(run: Run, tmp_path: Path) -> None:
    """Estimators are trained, too: of the names, they and the lifter take those that they have."""
    path = checkpoint(tmp_path / "other.ckpt", "lifter/encoder=cnn")
    words = (*SMOKE, *NO_STEP, "estimators.joint.epochs=0", "estimators.limb.epochs=0", f"init={path}")
    err = run("train", *words, "paths.runs=pasted", ok=False).err
    (skip,) = re.findall(r"training\.(init_skip=\[lifter\.encoder\S*\])", err)
    run("train", *words, skip.replace("]", ",estimator.to_maps]"), "paths.runs=pasted")
    assert "init_skip names lifter.encoder" in run("train", *words, f"estimators.joint.{skip}", ok=False).err


@pytest.mark.parametrize(
    ("of", "words", "parts"),
    [
        (("lifter/encoder=cnn",), (), ("weights do not fit", "not in the checkpoint", "init_skip=[")),
        (("lifter.joint_dim=8",), (), ("shape (", "here", "in the checkpoint")),
    ],
)
def test_weights_that_do_not_fit_are_named(
    of: tuple[str, ...], words: tuple[str, ...], parts: tuple[str, ...], run: Run, tmp_path: Path
) -> None:
    path = checkpoint(tmp_path / "other.ckpt", "heatmaps=truth", *of)
    err = run("train", *LIFTER, *words, f"init={path}", "paths.runs=misfit", ok=False).err
    for part in parts:
        assert part in err
    assert "Traceback" not in err


def test_a_network_of_other_widths_is_said_in_few_words(home: Path, run: Run) -> None:
    """Each of its weights is of another shape; the parts that they are in can be pasted."""
    words = (*SMOKE, *NO_STEP, "paths.runs=widths", "estimators=egosynth_small")
    err = run("train", *words, ok=False).err
    assert "Is it for another scale?" in err
    assert len(err) < 800
    parts = ",".join(f"estimator.{part}" for part in ("backbone", "laterals", "decoder", "to_maps"))
    for kind in ("joint", "limb"):  # of all trainings, not one after the other
        assert f"estimators.{kind}.init_skip=[{parts}]" in err


def test_a_checkpoint_that_does_not_exist(run: Run) -> None:
    assert "init=none.ckpt: no such checkpoint" in run("train", *LIFTER, "init=none.ckpt", ok=False).err
