"""The configuration of a finished run, which may be somebody else's: read as text, never resolved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from egotap_pl.core.errors import EgotapError
from egotap_pl.data.untrusted.readers import read_text
from egotap_pl.engine.allowlist import MAX_DEPTH, MAX_VALUES, check_plain

MAX_BYTES = 2**20
"""A run's configuration has a few kB."""


def read_run_config(path: Path) -> dict[str, Any]:
    """A run's config.yaml as plain containers.

    `egotap` writes it resolved and without aliases. One that has interpolations, which would be resolved against the
    reader's environment, or aliases, by which a few lines can stand for millions, is from somebody else.

    Raises:
        EgotapError: if there is no such file, or it is not a configuration, too large, or nested too deeply.
    """
    text = read_text(path, MAX_BYTES)
    try:
        _check_size(text)
        content = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError) as error:  # ValueError: e.g. of a date that there is not
        first = next(iter(str(error).splitlines()), type(error).__name__)
        raise EgotapError(f"{path} is not a run's configuration: {first[:200]}") from error
    check_plain(content, str(path))
    if not isinstance(content, dict):
        raise EgotapError(f"{path} is not a run's configuration: it holds no keys")
    return content


def _check_size(text: str) -> None:
    """Look through a YAML file before any of it is made into an object.

    Raises:
        ValueError: if it has aliases, or is too large or nested too deeply for a configuration.
        yaml.YAMLError: if it is not YAML.
    """
    depth = 0
    for count, event in enumerate(yaml.parse(text, Loader=yaml.SafeLoader)):
        if isinstance(event, yaml.AliasEvent):
            raise ValueError("it has aliases")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH or count > 3 * MAX_VALUES:
            raise ValueError("it is too large or nested too deeply")
