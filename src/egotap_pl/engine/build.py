"""Turns plain configuration into objects. No other module instantiates the classes that a configuration names."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import hydra
from hydra.errors import InstantiationException
from omegaconf import DictConfig, OmegaConf

from egotap_pl.core.atomic import atomic
from egotap_pl.core.errors import EgotapError

Spec = Mapping[str, Any]
"""Plain containers, as in a configuration; ``_target_`` names a class or a function."""

_HYDRAS_ADVICE = ", set env var HYDRA_FULL_ERROR=1 to see chained exception."
_MOVED = {
    "egotap_pl.cli.loggers.": "egotap_pl.engine.loggers.",
    "egotap_pl.core.camera.FisheyeCamera.from_ocamcalib": "egotap_pl.data.calibration.ocamcalib.read_ocamcalib",
    "egotap_pl.data.egocap.calibration.": "egotap_pl.data.calibration.ocamcalib.",
    "egotap_pl.data.codec.": "egotap_pl.data.store.codec.",
    "egotap_pl.data.layouts.egocap.": "egotap_pl.data.egocap.layout.",
    "egotap_pl.data.layouts.unrealego.": "egotap_pl.data.unrealego.layout.",
    "egotap_pl.data.unrealego_parts.": "egotap_pl.data.unrealego.variants.",
}
"""Old and new prefixes of modules. Users' configurations and checkpoints from 0.1.0 may have the old ones."""


def current_name(target: str) -> str:
    """Today's name of a class that a configuration of an earlier version names.

    >>> current_name("egotap_pl.data.codec.PngCodec")
    'egotap_pl.data.store.codec.PngCodec'
    """
    for old, new in _MOVED.items():
        if target.startswith(old):
            return new + target.removeprefix(old)
    return target


def current_names(spec: Any) -> Any:
    """A spec in which every class, at any depth, has today's name."""
    if isinstance(spec, Mapping):
        return {
            key: current_name(value) if key == "_target_" and isinstance(value, str) else current_names(value)
            for key, value in spec.items()
        }
    return [current_names(value) for value in spec] if isinstance(spec, (list, tuple)) else spec


def build(spec: Any, **arguments: Any) -> Any:
    """Instantiate a plain spec, nested ``_target_`` first. Lists and dicts stay Python's own.

    Args:
        spec: plain containers.
        **arguments: passed to the outermost class or function, besides the spec's.

    Raises:
        EgotapError: if a class does not accept its arguments; the message names the class.
    """
    try:
        return hydra.utils.instantiate(current_names(spec), **arguments, _convert_="all")
    except InstantiationException as error:
        cause = error.__cause__
        if isinstance(cause, (EgotapError, KeyboardInterrupt)):
            raise cause from error
        where = str(error).splitlines()[0].rstrip(":").replace(_HYDRAS_ADVICE, "")
        remedy = ""
        if isinstance(cause, TypeError) and "missing" in str(cause):
            remedy = "; if it is a part that gets these later, write _partial_: true beside its _target_"
        raise EgotapError(f"{where}: {cause}{remedy}" if cause is not None else str(error)) from error


def write_yaml(path: Path, content: Spec) -> None:
    """Write configuration to a file."""
    with atomic(path, durable=False) as temporary:
        OmegaConf.save(OmegaConf.create(dict(content)), temporary)


def is_mapping(path: Path) -> bool:
    """Whether a file is a YAML mapping, as `write_yaml` writes."""
    try:
        return isinstance(OmegaConf.load(path), DictConfig)
    except Exception:  # a damaged file can end in an error of almost any kind
        return False
