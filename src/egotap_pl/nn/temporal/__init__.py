"""Heads that read the poses of a window of frames, one class per file. They follow any lifter."""

from egotap_pl.nn.temporal.base import TemporalHead
from egotap_pl.nn.temporal.causal_attention import CausalAttention

__all__ = ["CausalAttention", "TemporalHead"]
