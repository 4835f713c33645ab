"""From a data set's source to frame stores: in parallel, resumable, the same bytes whatever the number of workers."""

from egotap_pl.data.source import Frames, Piece, Source

__all__ = ["Frames", "Piece", "Source"]
