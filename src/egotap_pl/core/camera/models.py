"""Cameras out of files: the class that a name stands for."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from typing import Any

from egotap_pl.core.camera.kannala_brandt import KannalaBrandtCamera
from egotap_pl.core.camera.polynomial import PolynomialCamera
from egotap_pl.core.camera.radial import RadialCamera

_BUILT_IN: tuple[type[RadialCamera], ...] = (
    PolynomialCamera,
    KannalaBrandtCamera,
)  # last, so that no other class takes their names


def camera_from_dict(data: Mapping[str, Any]) -> RadialCamera:
    """The camera that plain lists and numbers describe (`RadialCamera.to_dict`).

    Args:
        data: fields of the camera by name, and ``model``; without it, the model is `PolynomialCamera`.

    Raises:
        ValueError: if there is no such model, a key is missing or unknown, or the values do not describe a camera.
    """
    models = {cls.model: cls for cls in (*_models(RadialCamera), *_BUILT_IN)}
    model = data.get("model", PolynomialCamera.model)
    if not isinstance(model, str) or model not in models:
        raise ValueError(
            f"unknown camera model {str(model)[:80]!r}: must be one of {', '.join(sorted(models))}, or a class of your "
            "own whose module has been imported"
        )
    return models[model].from_dict(data)


def _models(cls: Any) -> Iterator[type[RadialCamera]]:
    """The models whose modules have been imported. Nothing is imported because a file names it."""
    for subclass in cls.__subclasses__():
        if not inspect.isabstract(subclass):
            yield subclass
        yield from _models(subclass)
