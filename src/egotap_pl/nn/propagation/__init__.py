"""Propagations of joint features along the skeleton's tree, one class per file. They share the scan in `tree.py`."""

from egotap_pl.nn.propagation.alter import AlterPropagation
from egotap_pl.nn.propagation.base import Propagation, RecurrentPropagation
from egotap_pl.nn.propagation.concat import ConcatPropagation
from egotap_pl.nn.propagation.lstm import LstmPropagation
from egotap_pl.nn.propagation.none import NoPropagation
from egotap_pl.nn.propagation.pu import PuPropagation
from egotap_pl.nn.propagation.rf import RfPropagation
from egotap_pl.nn.propagation.temporal import TemporalPropagation
from egotap_pl.nn.propagation.tree import TreeScan

__all__ = [
    "AlterPropagation",
    "ConcatPropagation",
    "LstmPropagation",
    "NoPropagation",
    "Propagation",
    "PuPropagation",
    "RecurrentPropagation",
    "RfPropagation",
    "TemporalPropagation",
    "TreeScan",
]
