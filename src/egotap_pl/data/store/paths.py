"""Where the stores of a prepared data set are."""

from __future__ import annotations

from pathlib import Path


def store_path(folder: Path | str, split: str) -> Path:
    """The store of a split in a folder of prepared data."""
    return Path(folder) / f"{split}.h5"
