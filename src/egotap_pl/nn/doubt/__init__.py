"""Heads that say how far each estimated joint may be off, one class per file. They follow any lifter."""

from egotap_pl.nn.doubt.base import DoubtHead
from egotap_pl.nn.doubt.laplace import LaplaceDoubt

__all__ = ["DoubtHead", "LaplaceDoubt"]
