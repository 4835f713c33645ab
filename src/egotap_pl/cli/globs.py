"""`experiment=glob(table2/*)`: Hydra's glob knows only a group's own folder, presets lie one deeper."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Sequence
from pathlib import Path

from egotap_pl.cli.composing import conf_dir
from egotap_pl.core.errors import EgotapError

_GLOB = re.compile(r"^experiment=glob\((?P<pattern>[^)]+)\)$")


def expand_globs(overrides: Sequence[str]) -> list[str]:
    """Write out the presets that a glob names, in alphabetical order.

    Raises:
        EgotapError: if no preset matches.
    """
    folders = [conf_dir(), *(Path(folder) for folder in _config_dirs(overrides))]
    expanded = []
    for override in overrides:
        found = _GLOB.match(override)
        if not found:
            expanded.append(override)
            continue
        presets = {
            preset.relative_to(folder / "experiment").with_suffix("").as_posix()
            for folder in folders
            for preset in (folder / "experiment").rglob("*.yaml")
        }
        chosen = sorted(fnmatch.filter(presets, found["pattern"]))
        if not chosen:
            raise EgotapError(f"{override}: no preset matches; there are {', '.join(sorted(presets))}")
        expanded.append("experiment=" + ",".join(chosen))
    return expanded


def _config_dirs(overrides: Sequence[str]) -> list[str]:
    """Folders given by --config-dir DIR, --config-dir=DIR or -cd DIR."""
    folders = []
    for k, word in enumerate(overrides):
        name, _, value = word.partition("=")
        if name in ("--config-dir", "-cd"):
            folders.append(value or overrides[k + 1] if value or k + 1 < len(overrides) else ".")
    return folders
