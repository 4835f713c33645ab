"""The interface of temporal heads."""

from __future__ import annotations

from typing import ClassVar

from torch import nn


class TemporalHead(nn.Module):
    """Maps the poses that a lifter estimates of a window's frames, ``b t e 3`` in cm, to the last frame's, ``b e 3``.

    A task makes its temporal head with ``factory(skeleton=...)``. The last pose is that of the frame in question; no
    pose is of a later frame. Windows may have any number of frames.
    """

    reads_past: ClassVar[bool] = True
    """Tells the configuration that windows of several frames (``data.window``) are read."""
