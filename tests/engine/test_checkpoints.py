"""Loading a checkpoint from a stranger runs no code, and bad files are named."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch

from egotap_pl.core.errors import EgotapError
from egotap_pl.engine.checkpoints.allowlist import is_trusted
from egotap_pl.engine.checkpoints.loading import KEY, VERSION, load_task, load_weights, read_checkpoint

OWN = ["egotap_pl"]
ABOUT = {
    "version": VERSION,
    "task": {},
    "skeleton": {"name": "pair", "joints": ("a", "b"), "parents": (0, 0), "estimates_root": True},
    "categories": ["walking"],
    "data": {"name": "none"},
    "data_fingerprint": "0",
    "batch_size": 2,
    "seed": 0,
    "experiment": "none",
}


class Bomb:
    """An object that would create a file if it were unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.system, (f"touch {self.path}",)


def write(path: Path, task: dict[str, Any]) -> Path:
    torch.save({"state_dict": {}, KEY: {**ABOUT, "task": task}}, path)
    return path


def test_a_pickle_that_would_run_something_does_not(tmp_path: Path) -> None:
    path, mark = tmp_path / "bomb.ckpt", tmp_path / "exploded"
    torch.save({"state_dict": {}, KEY: Bomb(mark)}, path)
    with pytest.raises(EgotapError, match="bomb"):
        load_task(path, OWN)
    path.write_bytes(pickle.dumps(Bomb(mark)))
    with pytest.raises(EgotapError, match="bomb"):
        load_task(path, OWN)
    assert not mark.exists()


@pytest.mark.parametrize(
    "target",
    [
        "os.system",
        "subprocess.run",
        "builtins.eval",
        "egotap_pl.engine.processes.launch.os.system",
        "egotap_pl.data.preparation.prepare.os.system",
        "egotap_pl.tasks.lifting.torch.load",
        "egotap_pl.engine.build.build",
        "egotap_pl.engine.fit.fit",
        "torch.optim.adamw.torch.hub.load",
        "egotap_pl_evil.Thing",
        "functools.partial",
    ],
)
def test_a_name_from_elsewhere_is_refused_and_not_called(target: str, tmp_path: Path) -> None:
    mark = tmp_path / "called"
    spec = {"_target_": target, "_args_": [f"touch {mark}"]}
    nested = {"_target_": "egotap_pl.tasks.LiftingTask", "_partial_": True, "lifter": {"deep": [spec]}}
    for task in (spec, nested):
        with pytest.raises(EgotapError, match="trust"):
            load_task(write(tmp_path / "own.ckpt", task), OWN)
    assert not mark.exists()


def test_classes_of_the_package_and_of_trusted_ones_are_allowed() -> None:
    assert is_trusted("egotap_pl.tasks.LiftingTask", OWN)
    assert is_trusted("egotap_pl.tasks.schedules.warmup_cosine", OWN)
    assert is_trusted("torch.optim.AdamW", OWN)
    assert not is_trusted("fractions.Fraction", OWN)
    assert is_trusted("fractions.Fraction", [*OWN, "fractions"])


@pytest.mark.parametrize("keep", [0, 100, 2000])
def test_a_truncated_file_is_named(keep: int, tmp_path: Path) -> None:
    path = tmp_path / "cut.ckpt"
    torch.save({"state_dict": {"a": torch.zeros(1000)}}, path)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(EgotapError, match="cut"):
        read_checkpoint(path)


@pytest.mark.parametrize("content", [[1, 2], {"weights": torch.zeros(2)}])
def test_other_contents_are_named(content: object, tmp_path: Path) -> None:
    path = tmp_path / "other.ckpt"
    torch.save(content, path)
    with pytest.raises(EgotapError, match="other"):
        read_checkpoint(path)


def test_a_missing_file_and_a_foreign_checkpoint_are_named(tmp_path: Path) -> None:
    with pytest.raises(EgotapError, match="no such checkpoint"):
        load_task(tmp_path / "none.ckpt", OWN)
    torch.save({"state_dict": {}}, tmp_path / "foreign.ckpt")
    with pytest.raises(EgotapError, match="foreign"):
        load_task(tmp_path / "foreign.ckpt", OWN)


def test_weights_fit_all_or_none() -> None:
    module = torch.nn.Linear(2, 3)
    with pytest.raises(EgotapError, match=r"1 missing \(bias\).*1 unknown \(extra\).*1 of another shape \(weight\)"):
        load_weights(module, {"weight": torch.zeros(2, 2), "extra": torch.zeros(1)}, "file")
