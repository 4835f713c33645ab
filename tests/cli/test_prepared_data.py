"""Prepared data can be used without their source files."""

from __future__ import annotations

from pathlib import Path

from smoke import Run, run_folder

SIZES = "data.frames={train: 8, validation: 4, test: 4}"


def test_stores_are_used_as_they_are_without_a_source(run: Run, tmp_path: Path) -> None:
    stores = f"data.folder={tmp_path}/stores"
    run("prepare", "scale=smoke", SIZES, stores, "data.workers=0")
    gone = ("scale=smoke", "+data.root=null", "heatmaps=truth", "training.epochs=1", f"paths.runs={tmp_path}/runs")
    outcome = run("train", *gone, stores)  # the sizes that are configured here are others: the source is not used
    assert "8 train, 4 validation, 4 test frames, used as they are" in outcome.err
    checkpoint = run_folder(outcome, tmp_path) / "checkpoints" / "best.ckpt"
    assert "4 frames" in run("evaluate", f"checkpoint={checkpoint}", f"store={tmp_path}/stores").out
    refused = run("evaluate", f"checkpoint={checkpoint}", ok=False)  # the path in the checkpoint is not used
    assert "store=DIR" in refused.err


def test_without_either_the_message_says_what_to_give(run: Run) -> None:
    outcome = run("train", "data=unrealego", "data.root=null", "scale=smoke", ok=False)
    assert "data.folder=DIR" in outcome.err
