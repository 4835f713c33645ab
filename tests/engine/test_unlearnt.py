"""Weights that a training would leave as they are are named before it begins."""

from __future__ import annotations

from typing import Any

import lightning as L
import pytest
import torch
from smoke import LIFTER
from torch import nn

from egotap_pl import EgotapError, compose
from egotap_pl.engine.checks.early import EarlyChecks
from egotap_pl.engine.checks.unlearnt import check_learns, check_registered


def check_encoder(name: str) -> None:
    EarlyChecks().check_parts(compose(*LIFTER, "lifter/encoder=cnn", f"lifter.encoder._target_=own_parts.{name}"))


@pytest.mark.parametrize(
    ("encoder", "message"),
    [
        ("ListEncoder", "ListEncoder.layers has weights that PyTorch does not know, .* make it an nn.ModuleList$"),
        ("TensorEncoder", "TensorEncoder.scale has weights that PyTorch does not know, .* make it an nn.Parameter$"),
        (
            "LazyEncoder",
            "LazyEncoder.last is a LazyLinear, which has no weights that a checkpoint could be loaded into",
        ),
        ("InPlaceEncoder", "a trial step failed, .* modified by an inplace operation"),
    ],
)
def test_weights_that_would_not_be_trained_or_saved(encoder: str, message: str) -> None:
    with pytest.raises(EgotapError, match=message):
        check_encoder(encoder)


def test_a_frozen_network_may_be_hidden_in_a_list() -> None:
    check_encoder("HiddenTeacher")


def test_a_loss_without_a_gradient_is_named() -> None:
    with pytest.raises(EgotapError, match="lifter: the loss depends on no weight, so nothing would be learnt"):
        EarlyChecks().check_parts(compose(*LIFTER, "training.task._target_=own_parts.NumberTask"))


class Two(L.LightningModule):
    """A network in two parts, one of which may be left out of the loss."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = Part(), Part()


class Part(nn.Module):
    """A part with a part of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.ModuleDict({"layer": nn.Linear(2, 2), "aux": Leaf()})
        self.leaf = Leaf()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.inner["layer"](self.leaf(self.inner["aux"](x)))
        return y


class Leaf(nn.Linear):
    """A layer."""

    def __init__(self) -> None:
        super().__init__(2, 2)


def test_only_the_whole_part_that_is_not_trained_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    task = Two()
    loss = task.first(torch.ones(1, 2)).sum() + task.second(torch.ones(1, 2)).sum()
    check_learns(task, loss, "lifter", ["test_unlearnt.Part"])
    assert not capsys.readouterr().err
    check_learns(task, {"loss": task.first(torch.ones(1, 2)).sum()}, "lifter", ["test_unlearnt.Part"])
    err = " ".join(capsys.readouterr().err.split())
    assert err == ("warning: lifter: the loss does not depend on the weights of Part (second), so they are not trained")
    check_learns(task, task.first(torch.ones(1, 2)).sum(), "lifter", ["elsewhere.Part"])
    assert not capsys.readouterr().err


@pytest.mark.parametrize(
    ("value", "remedy"),
    [
        ({"a": nn.Linear(2, 2)}, "nn.ModuleDict"),
        ((nn.Linear(2, 2),), "nn.ModuleList"),
        ([nn.Parameter(torch.ones(2))], "nn.ParameterList"),
        ({"a": nn.Parameter(torch.ones(2))}, "nn.ParameterDict"),
    ],
)
def test_the_message_says_what_to_use(value: Any, remedy: str) -> None:
    task = Two()
    task.first.kept = value
    with pytest.raises(EgotapError, match=f"lifter: Part.kept has weights .* make it an {remedy}$"):
        check_registered(task, "lifter")
