"""From plain configuration to objects."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import hydra
from hydra.errors import InstantiationException
from omegaconf import OmegaConf

from egotap_pl.core.errors import EgotapError

_HYDRAS_ADVICE = ", set env var HYDRA_FULL_ERROR=1 to see chained exception."


def build(spec: Any, **arguments: Any) -> Any:
    """Instantiate a plain spec: nested ``_target_`` first, lists and dicts as Python's own.

    Raises:
        EgotapError: if a class does not take what it is given; the message names the class.
    """
    try:
        return hydra.utils.instantiate(spec, **arguments, _convert_="all")
    except InstantiationException as error:
        cause = error.__cause__
        if isinstance(cause, (EgotapError, KeyboardInterrupt)):
            raise cause from error
        where = str(error).splitlines()[0].rstrip(":").replace(_HYDRAS_ADVICE, "")
        raise EgotapError(f"{where}: {cause}" if cause is not None else str(error)) from error


def read_yaml(path: Path) -> dict[str, Any]:
    """A YAML file as plain containers."""
    loaded = OmegaConf.to_container(OmegaConf.load(path), resolve=True)
    assert isinstance(loaded, dict)
    return {str(key): value for key, value in loaded.items()}


def write_yaml(path: Path, content: dict[str, Any]) -> None:
    """Write configuration to a file."""
    OmegaConf.save(OmegaConf.create(content), path)
