"""Digests of files."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from egotap_pl.core.digest import sha256_of


@pytest.mark.parametrize("size", [0, 1, 2**20, 2**20 + 1])
def test_it_is_that_of_the_whole_content(size: int, tmp_path: Path) -> None:
    content = np.random.default_rng(0).bytes(size)
    (tmp_path / "file").write_bytes(content)
    assert sha256_of(tmp_path / "file") == hashlib.sha256(content).hexdigest()
