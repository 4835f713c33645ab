"""Estimated heatmaps in hundredths: a lifter reads the same in training, from a cache, and in the test."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
import torch
from composed import SKELETONS, compose, make_batch

from egotap_pl.data.store.heatmaps import HeatmapStore, HeatmapWriter
from egotap_pl.engine.build import build
from egotap_pl.nn.estimator import JointEstimator, LimbEstimator
from egotap_pl.nn.lean_estimator import LeanEstimator
from egotap_pl.tasks.heatmap_sources import EstimatedHeatmaps, HeatmapSource, SharedHeatmaps

DATA, PX = "egosynth", 16
WIDTHS = {"width": 4, "lateral_widths": (4, 4, 4, 4), "decoder_widths": (4, 4, 4)}


def made(kind: str, rounded: bool) -> HeatmapSource:
    """A source whose estimators are random, and the same for every call."""
    torch.manual_seed(0)
    skeleton = SKELETONS[DATA]
    if kind == "shared":
        source: HeatmapSource = SharedHeatmaps(skeleton, PX, partial(LeanEstimator, width=4, channels=8), rounded)
    else:
        joint, limb = partial(JointEstimator, **WIDTHS), partial(LimbEstimator, **WIDTHS)  # type: ignore[arg-type]
        source = EstimatedHeatmaps(skeleton, PX, joint, limb, rounded)
    for name, weights in source.named_parameters():
        if name.endswith("to_maps.weight"):
            torch.nn.init.normal_(weights, std=0.1)
    return source.eval()


@pytest.mark.parametrize("kind", ["both", "shared"])
def test_a_cache_gives_what_the_source_gives(kind: str, tmp_path: Path) -> None:
    batch = make_batch(DATA, 4 * PX)
    exact, rounded = made(kind, False)(batch), made(kind, True)(batch)
    with HeatmapWriter(tmp_path / "train.h5", len(batch.frame), rounded=True) as writer:
        writer.append(rounded)
    cached = HeatmapStore(tmp_path / "train.h5", len(batch.frame)).read(range(len(batch.frame)))
    for one, other, kept in zip(exact, rounded, cached.floats(), strict=True):
        assert one.abs().max() > 0.05
        torch.testing.assert_close(other, one.clamp(-1.27, 1.27), atol=0.00501, rtol=0)
        assert torch.equal(other, kept)


@pytest.mark.parametrize("words", [[], ["heatmaps=joint_only", "lifter=unrealego"], ["estimator=lean"]])
def test_it_is_an_option_of_all_estimated_heatmaps(words: list[str]) -> None:
    source = compose(*words, "+heatmaps.source.rounded=true")["heatmaps"]["source"]
    network = build(source)(skeleton=SKELETONS[DATA])
    assert network.rounded
    assert not build(compose(*words)["heatmaps"]["source"])(skeleton=SKELETONS[DATA]).rounded
