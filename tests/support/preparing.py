"""Helpers of the tests of preparation: a quiet job, the content of its stores, and waiting for a condition."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from fake_source import FakeSource
from rich.console import Console

from egotap_pl.data.preparation.prepare import prepare
from egotap_pl.data.preparation.reports import PrepareReport


def run(source: FakeSource, folder: Path, **settings: Any) -> PrepareReport:
    """Prepares a source, by default quietly and in this process alone."""
    defaults: dict[str, Any] = {"workers": 0, "console": Console(file=io.StringIO())}
    return prepare(source, folder, **(defaults | settings))


def content(folder: Path) -> dict[str, object]:
    """Every attribute and dataset of every store in a folder, comparable."""
    values_by_name: dict[str, object] = {}
    for path in sorted(folder.glob("*.h5")):
        with h5py.File(path) as file:
            values_by_name[path.name] = dict(file.attrs)

            def collect(name: str, item: object, file_name: str = path.name) -> None:
                if isinstance(item, h5py.Dataset):
                    values = item[...]
                    cells = values.ravel().tolist() if values.dtype == object else [values]
                    key = f"{file_name}/{name}"
                    values_by_name[key] = [c.tobytes() if isinstance(c, np.ndarray) else c for c in cells]

            file.visititems(collect)
    return values_by_name


def damage_images(path: Path, rows: Iterable[int]) -> None:
    """Flip a bit in the images of some rows of a store."""
    with h5py.File(path) as file:
        raw = file["images"].chunks is not None
        images = [file["images"][row].tobytes() if raw else file["images"][row, 1].tobytes() for row in rows]
    content = bytearray(path.read_bytes())
    for image in images:
        content[content.index(image) + len(image) // 2] ^= 4
    path.write_bytes(content)


def wait_for(condition: Callable[[], bool], seconds: float = 60) -> None:
    """Returns as soon as the condition holds; fails after some time."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "nothing happened"
        time.sleep(0.02)
