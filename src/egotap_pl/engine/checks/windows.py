"""Checks, before any work begins, that a lifter's training can do with windows of several frames."""

from __future__ import annotations

import math
from typing import Any

from egotap_pl.core.errors import EgotapError
from egotap_pl.core.messages import say
from egotap_pl.data.augment import check_windows
from egotap_pl.data.store.reader import FrameStore
from egotap_pl.data.windows import Window, share_present
from egotap_pl.engine.specs import classes_in


def check_window(window: Window, task: Any, augment: Any) -> None:
    """Check what reads windows.

    Args:
        window: the frames that belong to each frame.
        task: spec of the lifter's task.
        augment: spec of the augmentation, or None.

    Raises:
        EgotapError: if nothing in the task reads windows, its loss needs longer ones, or augmentation would change the
            frames of a window unlike.
    """
    if window.frames == 1:
        if "movement" in (task.get("loss_weights") or {}):
            raise EgotapError(
                "training.task.loss_weights.movement: a window of one frame (data.window=1) has no movement; give "
                "window=unrealego2, or data.window and data.stride"
            )
        return
    if not any(getattr(named, "reads_past", False) is True for named in classes_in(task)):
        raise EgotapError(
            f"data.window={window.frames}: nothing in this lifter reads earlier frames; give temporal=causal_attention "
            "or lifter/propagation=temporal, or data.window=1"
        )
    for named in classes_in(augment):
        check_windows(named)


def warn_of_gaps(store: FrameStore, window: Window) -> None:
    """Warn if most of the earlier frames that windows ask for are not in the data.

    Args:
        store: the training frames.
        window: the frames that belong to each frame.
    """
    if window.frames == 1:
        return
    share = share_present(store.labels["motion"], store.labels["frame_number"], window)
    if not share >= 0.5:  # or NaN: every motion is shorter than a stride
        known = "none" if math.isnan(share) else f"{share:.0%}"
        say(
            f"warning: data.window={window.frames} data.stride={window.stride}: {known} of the earlier frames are in "
            "the data, and other frames stand in for them; take data with whole motions, such as "
            "data=egosynth_motions, or a stride that its frames have"
        )
