"""`experiment=glob(table2/*)`: Hydra's own glob looks only in a group's top folder, and presets are in subfolders."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Sequence
from pathlib import Path

from egotap_pl.cli.configuration.conf_dir import presets
from egotap_pl.core.errors import EgotapError

_GLOB = re.compile(r"^experiment=glob\((?P<pattern>[^)]+)\)$")


def expand_globs(overrides: Sequence[str]) -> list[str]:
    """Replace globs of presets by the names of the presets, in alphabetical order.

    Raises:
        EgotapError: if no preset matches a glob.
    """
    own_folders = [Path(folder) for folder in _config_dirs(overrides)]
    expanded = []
    for override in overrides:
        match = _GLOB.match(override)
        if not match:
            expanded.append(override)
            continue
        names = presets(own_folders)
        matches = fnmatch.filter(names, match["pattern"])
        if not matches:
            raise EgotapError(f"{override}: no preset matches; the presets are: {', '.join(names)}")
        expanded.append("experiment=" + ",".join(matches))
    return expanded


def _config_dirs(overrides: Sequence[str]) -> list[str]:
    """The folders in --config-dir DIR, --config-dir=DIR or -cd DIR."""
    folders = []
    for k, word in enumerate(overrides):
        name, _, value = word.partition("=")
        if name in ("--config-dir", "-cd"):
            folders.append(value or overrides[k + 1] if value or k + 1 < len(overrides) else ".")
    return folders
