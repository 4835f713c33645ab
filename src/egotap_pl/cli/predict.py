"""`egotap predict`: estimates poses for stereo images, videos or a frame store."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from egotap_pl.cli.configuration.composing import plain
from egotap_pl.cli.mistakes import fail
from egotap_pl.core.messages import RESULT, quieten_lightning
from egotap_pl.data.calibration import load_rig
from egotap_pl.data.recordings.crop import Crop
from egotap_pl.data.recordings.gaps import ranges
from egotap_pl.engine.checkpoints.allowlist import entries
from egotap_pl.engine.checkpoints.files import checkpoint_path
from egotap_pl.engine.devices.devices import Devices
from egotap_pl.engine.prediction.lifting_checkpoints import load_lifting_task
from egotap_pl.engine.prediction.pose_files import check_output
from egotap_pl.engine.prediction.predicting import Interrupted, PredictOptions, predict
from egotap_pl.engine.prediction.predictor import Predictor


def main(config: DictConfig) -> None:
    """Estimate poses for the input and write them to a file."""
    quieten_lightning()
    settings = plain(config)
    output, inputs = Path(settings["output"]), settings["input"]
    check_output(output)
    devices = Devices.parse(settings["trainer"]).with_workers(settings["workers"])
    overlay = None if settings["overlay"] is None else Path(str(settings["overlay"]))
    keys = ("split", "frames", "pair", "on_error", "pictures", "fps", "batch_size")
    crop = _crop(settings["crop"], settings["rig"])
    options = PredictOptions(
        crop=crop, workers=devices.workers, overlay=overlay, **{key: settings[key] for key in keys}
    )
    checkpoint = checkpoint_path(settings["checkpoint"])
    predictor = Predictor(*load_lifting_task(checkpoint, entries(settings["trust"])), checkpoint, devices)
    paths = [Path(str(path)) for path in (inputs if isinstance(inputs, list) else [inputs])]
    try:
        result = predict(predictor, paths, output, options)
    except Interrupted as interruption:
        fail(str(interruption), 130)
    RESULT.print(f"poses of {result.frames} frames  {result.output}", soft_wrap=True)
    if result.skipped:
        frames = "frame" if len(result.skipped) == 1 else "frames"
        skipped = f"skipped {len(result.skipped)} {frames} that cannot be read: {ranges(result.skipped)}"
        RESULT.print(skipped, soft_wrap=True)
    if result.pictures is not None:
        RESULT.print(f"pictures  {result.pictures}", soft_wrap=True)
    if result.overlay is not None:
        RESULT.print(f"overlay  {result.overlay}", soft_wrap=True)


def _crop(value: Any, rig: Any) -> Crop:
    return Crop.parse(value, None if rig is None else load_rig(str(rig)))
