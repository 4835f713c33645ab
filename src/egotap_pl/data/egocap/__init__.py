"""EgoCap: the reader of its files, the fit of its second camera, and a writer of the same layout (docs/egocap.md)."""

from egotap_pl.data.egocap.layout import write_egocap
from egotap_pl.data.egocap.source import EgoCapSource

__all__ = ["EgoCapSource", "write_egocap"]
