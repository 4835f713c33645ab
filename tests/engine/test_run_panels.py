"""Pictures of a training exist for the tasks of every preset."""

from __future__ import annotations

import pytest
import torch
from composed import compose, facts, make_batch, options

from egotap_pl.core.skeleton import unrealego
from egotap_pl.engine.build import build
from egotap_pl.engine.training_pictures import panels_of
from egotap_pl.figures.panels import panel_figure

PRESETS = [f"{table}/{name}" for table in ("table1", "table3") for name in options(f"experiment/{table}")]


@pytest.mark.parametrize("preset", PRESETS)
def test_lifters_and_probes_are_shown(preset: str) -> None:
    settings = compose(f"experiment={preset}", "scale=smoke")
    frames = make_batch("egosynth", settings["scale"]["image_px"])
    lifter = build(settings["training"]["task"])(facts("egosynth")).eval()
    with torch.inference_mode():
        panels = panels_of(lifter, frames, ["a", "b"])
    assert [panel.title for panel in panels] == ["a", "b"]
    assert list(panels[0].heatmaps) == ["target joints", "joint heatmaps", "target limbs", "limb heatmaps"]
    assert set(panels[0].poses_cm) == {"truth", "estimate"}
    panel_figure(panels, unrealego().estimated_limbs)
    if settings["probe"]:
        with torch.inference_mode():
            panels = panels_of(build(settings["probe"]["task"])(facts("egosynth")).eval(), frames, ["a", "b"])
        assert list(panels[0].heatmaps) == ["joint heatmaps", "rebuilt"]
        assert not panels[0].poses_cm


@pytest.mark.parametrize("kind", ["joint", "limb"])
def test_estimators_are_shown(kind: str) -> None:
    settings = compose("scale=smoke")
    task = build(settings["estimators"][kind]["task"])(facts("egosynth")).eval()
    with torch.inference_mode():
        panels = panels_of(task, make_batch("egosynth", settings["scale"]["image_px"]), ["a", "b"])
    assert list(panels[0].heatmaps) == ["target heatmaps", "estimated heatmaps"]
    side = settings["scale"]["heatmap_px"]
    for maps in panels[0].heatmaps.values():
        assert maps.shape == (unrealego().num_heatmap_joints, side, side)
    panel_figure(panels)
