"""Frames of a folder that are probably of another kind than the rest, such as heatmaps beside their images."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from egotap_pl.core.messages import say

_OTHER_KINDS = re.compile(
    r"(?<![a-z])(heat_?maps?|depths?|masks?|seg|segmentations?|silhouettes?)(?![a-z])", re.IGNORECASE
)
"""Words for pictures that are made from a camera's image, or beside it."""
_REMEDY = "poses are estimated for them as for any frame. If they are no camera's images, move them to another folder"


def say_if_strange(frames: Sequence[tuple[str, Path]], forms: Mapping[Path, str]) -> None:
    """Say which frames are not of the recording by their names, or else have another size or mode than the rest.

    Args:
        frames: name of each frame, and its first file.
        forms: size and mode of files, in words; those of damaged files are missing.
    """
    named = [path for name, path in frames if _OTHER_KINDS.search(name)]
    if named:
        say(f"{_listed(named)}: heatmaps, depths or masks by their names; {_REMEDY}")
        return
    groups: dict[str, list[Path]] = defaultdict(list)
    for _, path in frames:
        if path in forms:
            groups[forms[path]].append(path)
    ranked = sorted(groups.items(), key=lambda group: -len(group[1]))
    for form, paths in ranked[1:]:
        say(f"{_listed(paths)}: {form}, where others are {ranked[0][0]}, such as {ranked[0][1][0]}; {_REMEDY}")


def _listed(paths: Sequence[Path]) -> str:
    rest = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
    return f"{paths[0]}{rest}"
