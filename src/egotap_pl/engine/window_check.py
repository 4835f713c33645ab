"""Checks, before any work begins, that a lifter's training can do with windows of several frames."""

from __future__ import annotations

from typing import Any

from egotap_pl.core.errors import EgotapError
from egotap_pl.data.windows import Window
from egotap_pl.engine.specs import classes_in


def check_window(window: Window, task: Any, augment: Any) -> None:
    """Check what reads windows.

    Args:
        window: the frames that belong to each frame.
        task: spec of the lifter's task.
        augment: spec of the augmentation, or None.

    Raises:
        EgotapError: if nothing in the task reads windows, or augmentation would change the frames of a window unlike.
    """
    if window.frames == 1:
        return
    if not any(getattr(named, "reads_past", False) is True for named in classes_in(task)):
        raise EgotapError(
            f"data.window={window.frames}: nothing in this lifter reads earlier frames; give temporal=causal_attention "
            "or lifter/propagation=temporal, or data.window=1"
        )
    window.check_augmentation(augment)
