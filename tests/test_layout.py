"""What the repository promises of itself."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from packaging.version import Version

from egotap_pl.cli.configuration.composing import conf_dir

CONF = conf_dir()
ROOT = Path(__file__).parents[1]
TOOLS = {"import-linter", "mkdocs", "mkdocs-material", "mypy", "pre-commit", "ruff"}
"""Packages that check the code or build its documents, but do not run it."""


@pytest.mark.parametrize("path", sorted(CONF.rglob("*.yaml")), ids=lambda path: str(path.relative_to(CONF)))
def test_every_choice_says_what_it_is(path: Path) -> None:
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("# @package")]
    assert lines[0].startswith("# ")
    assert len(lines[0]) > 10


def test_the_oldest_versions_that_are_tested_are_those_that_are_promised() -> None:
    pattern = r'"([a-z][a-z0-9-]*)>=([0-9.]+)'
    promised = dict(re.findall(pattern, (ROOT / "pyproject.toml").read_text(encoding="utf-8")))
    tested = dict(re.findall(r"^(.+)==(.+)$", (ROOT / "constraints-min.txt").read_text(encoding="utf-8"), re.M))
    assert {name: Version(tested[name]) for name in tested} == {
        name: Version(version) for name, version in promised.items() if name not in TOOLS
    }
