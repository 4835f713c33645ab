"""Finds the data that a checkpoint was trained on by their fingerprint, never by a path in the checkpoint.

A checkpoint from somebody else may name any class, file and folder as its data. Only the data set's name and plain
numbers are used. The classes come from conf/, and the fingerprint shows whether they give the same frames.
"""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import hydra
from hydra.errors import HydraException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from egotap_pl.cli.configuration.composing import composing, conf_dir, plain
from egotap_pl.core.batch import FRAME_PX
from egotap_pl.core.errors import EgotapError
from egotap_pl.core.messages import say
from egotap_pl.engine.build import Spec, current_name
from egotap_pl.engine.checkpoints.loading import About
from egotap_pl.engine.datasets import ensure_data, find_data, fingerprint_of_frames
from egotap_pl.engine.settings import DataSpec

REMEDY = (
    "give store=DIR, a folder of prepared data, or data=NAME with the overrides of egotap prepare, "
    "e.g. data=unrealego data.root=DIR"
)
LARGEST = 1_000_000
"""Largest number that is taken from a checkpoint: far above any data set's, far below what would fill a disk."""


def recorded_data(about: About, root: Path, checkpoint: Path) -> Path:
    """The folder of the data that a checkpoint was trained on. If conf/ has the data set, they are prepared again.

    Args:
        about: the checkpoint's description of itself.
        root: folder of all prepared data (``paths.data``).
        checkpoint: the file, for messages.

    Raises:
        EgotapError: if the data do not exist and cannot be prepared again.
    """
    name, fingerprint = about.data["name"], about.data_fingerprint
    if not fingerprint:  # imported weights
        raise EgotapError(f"{checkpoint} does not name the data that it was trained on: {REMEDY}")
    folder = find_data(root, fingerprint)
    if folder is not None:
        say(f"{name}: found by its fingerprint, {folder}")
        return folder
    data = _composed_again(about)
    if data is None:
        raise EgotapError(
            f"{checkpoint} was trained on {name} (fingerprint {fingerprint[:12]}), which is not in {root} and cannot "
            f"be prepared again from its name and numbers alone: {REMEDY}"
        )
    return ensure_data(data, root)[0]


def _composed_again(about: About) -> DataSpec | None:
    """The data set of the recorded name in conf/ with the recorded numbers, if its frames have the same fingerprint."""
    name = about.data["name"]
    if not re.fullmatch(r"[\w-]+", name):  # it becomes an override, and these can contain interpolations
        return None
    codec = _codec_option(about.data)
    try:
        with composing():
            overrides = [f"data={name}", *([f"codec={codec}"] if codec else [])]
            own: Spec = plain(hydra.compose("prepare", overrides))["data"]
        data = {**own, **{part: _with_numbers(own[part], about.data.get(part)) for part in ("source", "codec")}}
        image_px = data["source"].get("image_px")
        too_large = isinstance(image_px, (int, float)) and image_px > FRAME_PX
        spec = DataSpec.parse(data)
        same = not too_large and fingerprint_of_frames(spec) == about.data_fingerprint
    except (EgotapError, HydraException, OmegaConfBaseException):  # no such data set, or its source files are missing
        return None
    return spec if same else None


def _codec_option(data: Spec) -> str | None:
    """The option in conf/codec whose class the checkpoint names."""
    codec = data.get("codec")
    target = codec.get("_target_") if isinstance(codec, dict) else None
    target = current_name(target) if isinstance(target, str) else None
    options = sorted((conf_dir() / "codec").glob("*.yaml"))
    return next((path.stem for path in options if OmegaConf.select(OmegaConf.load(path), "_target_") == target), None)


def _with_numbers(own: Any, recorded: Any) -> Any:
    """Our configuration with the numbers of the recorded one at the same keys. Everything else stays ours."""
    if isinstance(own, dict) and isinstance(recorded, dict):
        return {key: _with_numbers(value, recorded[key]) if key in recorded else value for key, value in own.items()}
    if isinstance(own, list) and isinstance(recorded, list) and len(own) == len(recorded):
        return [_with_numbers(*pair) for pair in zip(own, recorded, strict=True)]
    return recorded if _is_number_or_none(own) and _is_number_or_none(recorded) else own


def _is_number_or_none(value: Any) -> bool:
    if type(value) in (int, float):
        return math.isfinite(value) and abs(value) <= LARGEST
    return value is None or type(value) is bool
