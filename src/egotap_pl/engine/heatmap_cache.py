"""Estimates heatmaps once and caches them: frozen estimators give the same heatmaps in every epoch."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch

from egotap_pl.core.progress import FrameProgress
from egotap_pl.data.datamodule import FrameDataModule
from egotap_pl.data.store.heatmaps import HeatmapWriter
from egotap_pl.engine.build import Spec, build
from egotap_pl.engine.checkpoints.loading import load_part
from egotap_pl.engine.devices.devices import Devices

BATCH_SIZE = 32
CACHED_SPLITS = ("train", "validation")


def cache_heatmaps(source: Spec, weights: Mapping[str, Path], store: Path, folder: Path, devices: Devices) -> None:
    """Write the estimated heatmaps of the training and validation splits. A split whose file exists is passed over.

    Args:
        source: spec of the heatmap source, to be called with a skeleton.
        weights: checkpoints of its estimators, by their kind (``joint``, ``limb``, ``shared``).
        store: folder of the prepared data.
        folder: folder for one file per split.
        devices: the first of them estimates.
    """
    module = FrameDataModule(store, batch_size=BATCH_SIZE, workers=devices.workers)
    device = devices.torch_device
    heatmaps = build(source)(skeleton=module.skeleton)
    for kind, checkpoint in weights.items():
        load_part(heatmaps.get_submodule(f"{kind}.module"), checkpoint, "estimator")
    heatmaps = heatmaps.to(device).eval()
    devices.acceleration.apply(heatmaps, device)
    for split in CACHED_SPLITS:
        path = folder / f"{split}.h5"
        if path.is_file():
            continue
        frames = module.store(split)
        with (
            FrameProgress(f"heatmaps: {split}", len(frames)) as progress,
            HeatmapWriter(path, len(frames), heatmaps.rounded) as writer,
        ):
            for batch in module.ordered_loader(split):
                with torch.inference_mode():
                    writer.append(heatmaps(batch._replace(images=batch.images.to(device))))
                progress.advance(len(batch.frame))
