"""EgoCap's protocol reaches the trainers."""

from __future__ import annotations

from typing import Any

import hydra
import pytest
from hydra.core.global_hydra import GlobalHydra

from egotap_pl.cli.configuration.composing import conf_dir, plain
from egotap_pl.core.errors import EgotapError
from egotap_pl.data.egocap.layout import write_egocap
from egotap_pl.engine.build import build


def compose(*overrides: str, verb: str = "train") -> Any:
    GlobalHydra.instance().clear()
    with hydra.initialize_config_dir(str(conf_dir()), version_base="1.3"):
        return plain(hydra.compose(verb, list(overrides)))


def test_epochs_and_batches_are_the_releases() -> None:
    settings = compose("experiment=table1/egotap", "data=egocap", "data.root=somewhere")
    joint, limb, lifter = settings["estimators"]["joint"], settings["estimators"]["limb"], settings["training"]
    assert settings["data"]["source"]["image_px"] == 256
    assert (joint["epochs"], joint["batch_size"], joint["task"]["schedule"]["constant_epochs"]) == (21, 8, 1)
    assert (limb["epochs"], limb["batch_size"], limb["task"]["schedule"]["constant_epochs"]) == (21, 16, 1)
    assert (lifter["epochs"], lifter["batch_size"], lifter["task"]["schedule"]["warmup_epochs"]) == (17, 32, 2)


@pytest.mark.parametrize(("scale", "image_px"), [("tiny", 128), ("smoke", 64)])
def test_other_scales_are_a_users_choice(scale: str, image_px: int) -> None:
    settings = compose("experiment=table1/egotap", "data=egocap", "data.root=somewhere", f"scale={scale}")
    assert settings["data"]["source"]["image_px"] == image_px


def test_root_is_asked_for_and_reaches_the_source() -> None:
    with pytest.raises(EgotapError, match=r"somewhere: no such folder; set data\.root"):
        build(compose("data=egocap", "data.root=somewhere", verb="prepare")["data"]["source"])
    with pytest.raises(EgotapError, match=r"give a value for data\.root"):
        compose("data=egocap", verb="prepare")


def test_layout_names_the_writer() -> None:
    layout = compose("data=egosynth_stick", "layout=egocap", "output=somewhere", verb="prepare")["layout"]
    assert build(layout).func is write_egocap
