"""Encoders of joint and limb heatmaps, one class per file."""

from egotap_pl.nn.encoders.base import EmbeddingEncoder, Encoder, JointEncoder
from egotap_pl.nn.encoders.channel_vit import ChannelViTEncoder
from egotap_pl.nn.encoders.cnn import CnnEncoder
from egotap_pl.nn.encoders.grid_vit import GridViTEncoder
from egotap_pl.nn.encoders.limb import LimbEncoder
from egotap_pl.nn.encoders.rays import RayEncoder
from egotap_pl.nn.encoders.release_grid_vit import ReleaseGridViTEncoder
from egotap_pl.nn.encoders.sparse_grid_vit import SparseGridViTEncoder

__all__ = [
    "ChannelViTEncoder",
    "CnnEncoder",
    "EmbeddingEncoder",
    "Encoder",
    "GridViTEncoder",
    "JointEncoder",
    "LimbEncoder",
    "RayEncoder",
    "ReleaseGridViTEncoder",
    "SparseGridViTEncoder",
]
