"""Heads turn features into a pose, one class per file."""

from egotap_pl.nn.heads.base import FeatureDims, Head, JointHead, VectorHead
from egotap_pl.nn.heads.mlp import MlpHead
from egotap_pl.nn.heads.per_joint import PerJointHead

__all__ = ["FeatureDims", "Head", "JointHead", "MlpHead", "PerJointHead", "VectorHead"]
