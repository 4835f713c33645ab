"""The limits are those that the documentation promises."""

from __future__ import annotations

import re
from pathlib import Path

from egotap_pl.core import limits

DOCUMENT = Path(__file__).parents[2] / "docs" / "files-from-outside.md"
UNITS = {"MiB": 2**20, "GiB": 2**30}


def test_the_table_tells_every_limit() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    documented = {
        name: int(number) * UNITS.get(unit, 1)
        for name, number, unit in re.findall(r"`([A-Z][A-Z0-9_]+)`\s(\d+)(?: (MiB|GiB))?", text)
    }
    enforced = {name: value for name, value in vars(limits).items() if name.isupper() and name not in ("MIB", "GIB")}
    assert documented == enforced
