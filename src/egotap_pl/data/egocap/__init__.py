"""EgoCap: its files, its rig, and a writer of its layout (docs/egocap.md)."""

from egotap_pl.data.egocap.source import EgoCapSource

__all__ = ["EgoCapSource"]
