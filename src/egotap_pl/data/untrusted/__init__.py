"""Readers of files from outside: nothing in them is executed, and none takes more memory than it should."""

from egotap_pl.data.untrusted.readers import load_npy, read_bytes, read_image, read_json, read_text

__all__ = ["load_npy", "read_bytes", "read_image", "read_json", "read_text"]
