"""What the repository promises of itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from egotap_pl.cli.composing import conf_dir

CONF = conf_dir()


@pytest.mark.parametrize("path", sorted(CONF.rglob("*.yaml")), ids=lambda path: str(path.relative_to(CONF)))
def test_every_choice_says_what_it_is(path: Path) -> None:
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("# @package")]
    assert lines[0].startswith("# ")
    assert len(lines[0]) > 10
