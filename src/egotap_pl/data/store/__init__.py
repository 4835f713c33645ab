"""Frame stores: HDF5 files of stereo frames with their poses, one file per split (docs/frame-store.md)."""

from egotap_pl.data.store.reader import FrameNames, FrameStore, data_fingerprint

__all__ = ["FrameNames", "FrameStore", "data_fingerprint"]
