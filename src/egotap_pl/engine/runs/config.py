"""Reads the configuration of a finished run, possibly somebody else's, as text: nothing in it is resolved."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from egotap_pl.core.errors import EgotapError, first_line
from egotap_pl.data.untrusted.readers import read_text
from egotap_pl.engine.checkpoints.allowlist import MAX_DEPTH, MAX_VALUES, check_plain

MAX_BYTES = 2**20
"""The largest config.yaml that is read; a real one has a few kB."""
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml's, which is about ten times as fast, unless PyYAML was built without it."""


def read_run_config(path: Path) -> dict[str, Any]:
    """A run's config.yaml as plain containers.

    `egotap` writes it resolved and without aliases. Both are refused: interpolations would be resolved in the reader's
    environment, and with aliases a few lines can stand for millions.

    Raises:
        EgotapError: if the file is missing, not a configuration, too large, or nested too deeply.
    """
    text = read_text(path, MAX_BYTES)
    try:
        _check_size(text)
        content = yaml.load(text, Loader=_LOADER)
    except (yaml.YAMLError, ValueError) as error:  # ValueError: for example a date that does not exist
        raise EgotapError(f"{path} is not a run's configuration: {first_line(error)[:200]}") from error
    check_plain(content, str(path))
    if not isinstance(content, dict):
        raise EgotapError(f"{path} is not a run's configuration: it holds no keys")
    return content


def _check_size(text: str) -> None:
    """Look through YAML text before objects are made of it.

    Raises:
        ValueError: if it has aliases, or is too large or nested too deeply for a configuration.
        yaml.YAMLError: if it is not YAML.
    """
    depth = 0
    for count, event in enumerate(_events(text)):
        if isinstance(event, yaml.AliasEvent):
            raise ValueError("it has aliases")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH or count > 3 * MAX_VALUES:
            raise ValueError("it is too large or nested too deeply")


def _events(text: str) -> Iterator[yaml.Event]:
    try:
        yield from yaml.parse(text, Loader=_LOADER)
    except yaml.YAMLError as error:
        if "flow level" in str(error):  # what libyaml says of too many open brackets
            raise ValueError("it is nested too deeply") from error
        raise
