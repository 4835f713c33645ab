"""Files of real data sets, which are not part of the repository: tests that read them are skipped where there are none.

They are looked for in the folder that the environment variable EGOTAP_REAL_DATA names, or else in ../shared/real beside
the checkout. Each data set has a folder of its own (unrealego, ego4view). Nothing of them is copied anywhere.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDER = Path(os.environ.get("EGOTAP_REAL_DATA", ROOT.parent / "shared" / "real"))


def real_file(name: str) -> Path:
    """The path of a file, for example ``unrealego/input_rgb_left.png``; the test is skipped if it does not exist."""
    path = FOLDER / name
    if not path.is_file():
        pytest.skip(f"needs the real file {name} in the folder EGOTAP_REAL_DATA (here: {FOLDER})")
    return path
