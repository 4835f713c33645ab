"""Globs of presets, `experiment=glob(table2/*),...`: Hydra's own looks only in a top folder, and not within a list."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Sequence
from pathlib import Path

from egotap_pl.cli.configuration.conf_dir import presets
from egotap_pl.core.errors import EgotapError

_GLOB = re.compile(r"(?<=[=,])glob\((?P<pattern>[^)]+)\)(?=,|$)")


def expand_globs(overrides: Sequence[str]) -> list[str]:
    """Replace globs of presets by the names of the presets, in alphabetical order.

    Raises:
        EgotapError: if no preset matches a glob.
    """
    own_folders = [Path(folder) for folder in _config_dirs(overrides)]

    def names(match: re.Match[str]) -> str:
        choices = presets(own_folders)
        matches = fnmatch.filter(choices, match["pattern"])
        if not matches:
            raise EgotapError(f"experiment={match[0]}: no preset matches; the presets are: {', '.join(choices)}")
        return ",".join(matches)

    return [_GLOB.sub(names, word) if word.startswith("experiment=") else word for word in overrides]


def _config_dirs(overrides: Sequence[str]) -> list[str]:
    """The folders in --config-dir DIR, --config-dir=DIR or -cd DIR."""
    folders = []
    for k, word in enumerate(overrides):
        name, _, value = word.partition("=")
        if name in ("--config-dir", "-cd"):
            folders.append(value or overrides[k + 1] if value or k + 1 < len(overrides) else ".")
    return folders
