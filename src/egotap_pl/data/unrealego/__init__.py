"""UnrealEgo: its files, its releases, and a writer of its layout (docs/unrealego.md)."""

from egotap_pl.data.unrealego.source import Device, Pelvis, UnrealEgoSource

__all__ = ["Device", "Pelvis", "UnrealEgoSource"]
