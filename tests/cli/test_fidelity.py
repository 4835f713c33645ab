"""docs/fidelity.md: every override that it names composes, and together they give the network of imported weights."""

from __future__ import annotations

import re
import runpy
import sys
from pathlib import Path

import hydra
import pytest
import torch
from hydra.core.global_hydra import GlobalHydra

from egotap_pl.cli.configuration.composing import conf_dir, plain
from egotap_pl.core.skeleton import Skeleton, egocap, unrealego
from egotap_pl.engine.build import build
from egotap_pl.interop.egotap import LifterSizes, release_lifter
from egotap_pl.nn.lifter import Lifter

TOP = Path(__file__).parents[2]
COMMANDS = re.findall(r"^egotap train (.*)$", (TOP / "docs" / "fidelity.md").read_text(encoding="utf-8"), re.M)


def lifter_of(command: str) -> Lifter:
    GlobalHydra.instance().clear()
    with hydra.initialize_config_dir(str(conf_dir()), version_base="1.3"):
        settings = plain(hydra.compose("train", command.split()))
    skeleton = egocap() if "egosynth_stick" in command else unrealego()
    with torch.device("meta"):
        return build(settings["lifter"])(skeleton=skeleton, heatmap_px=settings["scale"]["heatmap_px"])


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_of_the_page_composes_and_builds(command):
    lifter_of(command)


def test_the_overrides_make_the_network_of_imported_weights():
    (command,) = (command for command in COMMANDS if "release_grid_vit" in command)
    ours = lifter_of(command)
    with torch.device("meta"):
        release = release_lifter(unrealego())
    assert {k: v.shape for k, v in ours.state_dict().items()} == {k: v.shape for k, v in release.state_dict().items()}
    assert str(ours) == str(release)
    for lifter in (ours, release):  # on a chain every level has one joint
        assert {tuple(layer.scan.sizes) for layer in lifter.propagation.layers} == {(1,) * 15}
        assert not lifter.head.global_reads_joint
    (rows,) = re.findall(r"lifter\.head\.rows=\[([\d,]*)\]", command)
    assert [int(row) for row in rows.split(",")] == small_lifter(unrealego()).head.order.argsort()[:15].tolist()


def test_the_demonstration_shows_both(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["demonstrate.py"])
    monkeypatch.setattr("egotap_pl.interop.egotap.release_lifter", small_lifter)
    runpy.run_path(str(TOP / "experiments" / "fidelity" / "demonstrate.py"), run_name="__main__")
    printed = capsys.readouterr().out
    assert f"measured: {', '.join(unrealego().joints[2:])}\n" in printed
    assert "upperarm_l  fills neck_01\n" in printed
    assert "foot_r      fills foot_l\n" in printed


def small_lifter(skeleton: Skeleton, make=release_lifter) -> Lifter:
    return make(skeleton, 16, "pu", LifterSizes(16, 8, 8, 8, 1, 2, (4,)))
