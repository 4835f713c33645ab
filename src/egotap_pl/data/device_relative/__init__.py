"""Data sets whose poses are relative to the headset: UnrealEgo2, UnrealEgo-RW and Ego4View (docs/newer-datasets.md)."""

from egotap_pl.data.device_relative.ego4view_rw import Ego4ViewRW
from egotap_pl.data.device_relative.ego4view_syn import Ego4ViewSyn
from egotap_pl.data.device_relative.origin import Device, Pelvis
from egotap_pl.data.device_relative.source import DeviceRelativeSource
from egotap_pl.data.device_relative.unrealego2 import UnrealEgo2
from egotap_pl.data.device_relative.unrealego_rw import UnrealEgoRW

__all__ = ["Device", "DeviceRelativeSource", "Ego4ViewRW", "Ego4ViewSyn", "Pelvis", "UnrealEgo2", "UnrealEgoRW"]
