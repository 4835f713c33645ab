"""egotap_pl: experiments on stereo egocentric 3D human pose (EgoTAP, CVPR 2024, and what it is compared with).

The names below are the Python API (docs/api.md). They are loaded when they are first used, so that importing the
package is quick.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from egotap_pl.api import (
        EgotapError,
        Gathered,
        Predictor,
        Settings,
        TrainResult,
        compose,
        evaluate,
        gather_runs,
        load_estimator,
        load_lifter,
        load_task,
        open_store,
        train,
    )

__all__ = [
    "EgotapError",
    "Gathered",
    "Predictor",
    "Settings",
    "TrainResult",
    "compose",
    "evaluate",
    "gather_runs",
    "load_estimator",
    "load_lifter",
    "load_task",
    "open_store",
    "train",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module("egotap_pl.api"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
