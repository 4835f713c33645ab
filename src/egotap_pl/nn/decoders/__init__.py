"""Decoders that rebuild joint heatmaps from an encoder's features, one class per file."""

from egotap_pl.nn.decoders.base import FeatureDecoder
from egotap_pl.nn.decoders.embedding import EmbeddingDecoder
from egotap_pl.nn.decoders.per_joint import PerJointDecoder

__all__ = ["EmbeddingDecoder", "FeatureDecoder", "PerJointDecoder"]
