"""A training step of a lifter and of an estimator, compiled and not: a program, as compilers cannot trace shape checks.

The compiler traces the networks and then runs them as they are: it needs no C++. Ends with an error where they differ.
"""

from __future__ import annotations

import copy
from functools import partial
from typing import Any

import lightning as L
import torch
from composed import compose, facts, make_batch

from egotap_pl.engine.build import build
from egotap_pl.engine.devices.acceleration import Acceleration


def main() -> None:
    torch.set_num_threads(1)
    torch.compile = partial(torch.compile, backend="eager")
    module: Any = L.LightningModule
    module.log_dict = lambda *_, **__: None
    settings = compose("scale=smoke", "heatmaps=truth")
    batch = make_batch("egosynth", settings["scale"]["image_px"])
    for node in (settings["training"], settings["estimators"]["joint"]):
        torch.manual_seed(0)
        plain = build(node["task"])(facts("egosynth")).train()
        compiled = copy.deepcopy(plain)
        Acceleration(compile=True).apply(compiled, torch.device("cpu"))
        assert compiled.state_dict().keys() == plain.state_dict().keys()
        assert any(network._compiled_call_impl is not None for network in compiled.modules())
        outcomes = [task.training_step(batch, 0) for task in (plain, compiled)]
        losses = [outcome["loss"] if isinstance(outcome, dict) else outcome for outcome in outcomes]
        torch.testing.assert_close(losses[1], losses[0], rtol=1e-5, atol=1e-6)
        for loss in losses:
            loss.backward()
        for one, other in zip(plain.parameters(), compiled.parameters(), strict=True):
            torch.testing.assert_close(other.grad, one.grad, rtol=1e-4, atol=1e-5)
    assert torch._dynamo.utils.counters["frames"]["ok"] > 0


if __name__ == "__main__":
    main()
