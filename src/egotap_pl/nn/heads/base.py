"""The two kinds of head, and what a lifter may rely on.

A lifter makes its head by ``factory(skeleton=..., dims=...)``. A head gives rows for the joints of
``skeleton.estimated``, in that order, in the lifter's unit.
"""

from __future__ import annotations

from typing import NamedTuple

from torch import nn


class FeatureDims(NamedTuple):
    """Widths of what a lifter can offer to a head.

    Fields:
        joint: of a joint feature.
        propagated: of a joint's propagated feature.
        vector: of one vector for the whole body: an encoder's embedding, or all propagated features end to end.
    """

    joint: int
    propagated: int
    vector: int


class Head(nn.Module):
    """Any head."""


class JointHead(Head):
    """Called as ``head(joint, propagated)`` with ``b j d`` and ``b j p``; gives ``b e 3``."""


class VectorHead(Head):
    """Called as ``head(vector)`` with ``b z``; gives ``b e 3``."""
