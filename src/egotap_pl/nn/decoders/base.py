"""What may be relied on in a decoder."""

from __future__ import annotations

from torch import nn


class FeatureDecoder(nn.Module):
    """Rebuilds joint heatmaps ``b v j h w`` from what an encoder gives of them.

    It is made by ``factory(encoder=...)`` and called with that encoder's output.

    Raises:
        EgotapError: while it is made, if it cannot read that kind of encoder.
    """
