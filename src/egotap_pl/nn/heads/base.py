"""The interface of heads, of which there are two kinds.

A lifter makes its head with ``factory(skeleton=..., dims=...)``. A head returns one row for each joint of
``skeleton.estimated``, in that order, in the lifter's unit.
"""

from __future__ import annotations

from typing import NamedTuple

from torch import nn


class FeatureDims(NamedTuple):
    """Widths of the features that a lifter offers to its head."""

    joint: int
    """Width of a joint feature."""

    propagated: int
    """Width of a propagated feature."""

    vector: int
    """Width of the vector of the whole body: an encoder's embedding, or all propagated features concatenated."""


class Head(nn.Module):
    """Base class of all heads."""


class JointHead(Head):
    """A head that is called with joint features ``b j d`` and propagated features ``b j p``; returns ``b e 3``."""


class VectorHead(Head):
    """A head that is called with one vector ``b z``; returns ``b e 3``."""
