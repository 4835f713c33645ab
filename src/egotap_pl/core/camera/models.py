"""Cameras out of files: the class that a name stands for."""

from __future__ import annotations

import importlib
import inspect
import os
from collections.abc import Iterator, Mapping
from typing import Any

from egotap_pl.core.camera.kannala_brandt import KannalaBrandtCamera
from egotap_pl.core.camera.polynomial import PolynomialCamera
from egotap_pl.core.camera.radial import RadialCamera

IMPORT = "EGOTAP_IMPORT"
"""Environment variable with the user's own modules of camera models, separated by commas."""
_BUILT_IN: tuple[type[RadialCamera], ...] = (
    PolynomialCamera,
    KannalaBrandtCamera,
)  # last, so that no other class takes their names


def camera_from_dict(data: Mapping[str, Any]) -> RadialCamera:
    """The camera that plain lists and numbers describe (`RadialCamera.to_dict`).

    Args:
        data: fields of the camera by name, and ``model``; without it, the model is `PolynomialCamera`.

    Raises:
        ValueError: if there is no such model, a key is missing or unknown, or the values do not describe a camera, or a
            module of ``EGOTAP_IMPORT`` cannot be imported.
    """
    model = data.get("model", PolynomialCamera.model)
    models = _by_name()
    if str(model) not in models:
        _import_own()
        models = _by_name()
    if not isinstance(model, str) or model not in models:
        raise ValueError(
            f"unknown camera model {str(model)[:80]!r}: must be one of {', '.join(sorted(models))}, or a class of your "
            f"own whose module has been imported or is named in the environment, e.g. {IMPORT}=my_idea.cameras"
        )
    return models[model].from_dict(data)


def _import_own() -> None:
    """Import the modules that the user's environment names: the command line has no other way to know them."""
    for module in filter(None, os.environ.get(IMPORT, "").replace(" ", "").split(",")):
        try:
            importlib.import_module(module)
        except Exception as error:  # of any kind: it is the user's own module
            raise ValueError(f"{IMPORT}: {module} cannot be imported: {error}; it must be on PYTHONPATH") from error


def _by_name() -> dict[str, type[RadialCamera]]:
    return {cls.model: cls for cls in (*_models(RadialCamera), *_BUILT_IN)}


def _models(cls: Any) -> Iterator[type[RadialCamera]]:
    """The models whose modules have been imported. Nothing is imported because a file names it."""
    for subclass in cls.__subclasses__():
        if not inspect.isabstract(subclass):
            yield subclass
        yield from _models(subclass)
