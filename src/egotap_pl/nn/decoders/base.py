"""The interface of decoders."""

from __future__ import annotations

from torch import nn


class FeatureDecoder(nn.Module):
    """Rebuilds joint heatmaps ``b v j h w`` from the output of an encoder.

    A decoder is made with ``factory(encoder=...)`` and called with the output of that encoder.

    Raises:
        EgotapError: from the constructor, if the decoder cannot read that kind of encoder.
    """
