"""UnrealEgo: the reader of its files in all their variants, and a writer of the same layout (docs/unrealego.md)."""

from egotap_pl.data.unrealego.layout import write_unrealego
from egotap_pl.data.unrealego.source import Device, Pelvis, UnrealEgoSource
from egotap_pl.data.unrealego.variants import ImplAlone, ImplWithJson, RawRelease, WhatIsThere

__all__ = [
    "Device",
    "ImplAlone",
    "ImplWithJson",
    "Pelvis",
    "RawRelease",
    "UnrealEgoSource",
    "WhatIsThere",
    "write_unrealego",
]
