"""Frame stores: HDF5 files of stereo frames with their poses, one file per split (docs/frame-store.md)."""

from egotap_pl.data.store.codec import Codec, JpegCodec, PngCodec, RawCodec
from egotap_pl.data.store.reader import FrameNames, FrameStore, data_fingerprint
from egotap_pl.data.store.schema import StoreHeader
from egotap_pl.data.store.writer import StoreWriter, write_store

__all__ = [
    "Codec",
    "FrameNames",
    "FrameStore",
    "JpegCodec",
    "PngCodec",
    "RawCodec",
    "StoreHeader",
    "StoreWriter",
    "data_fingerprint",
    "write_store",
]
