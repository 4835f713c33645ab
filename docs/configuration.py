"""Makes the page that lists every configuration key, with its value and its comment, from the files in conf/."""

from __future__ import annotations

import itertools
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

INTRODUCTION = """# Configuration keys

Every key of every file in `conf/`, with its value and its comment, made from the files themselves. An option of a group
is chosen with `group=option`, e.g. `lifter/encoder=cnn`; a key is set with its dotted name, e.g. `training.epochs=20`.
`egotap train --cfg job` prints the composed configuration. `${...}` is the value of another key.
"""
_LINE = re.compile(r"(?P<indent> *)(?P<key>[\w@/.<]+):(?: +(?P<value>[^#].*?))?(?: *#+ *(?P<comment>.*))?$")


class Key(NamedTuple):
    """A key of a file."""

    name: str
    """Its dotted name within the file."""
    value: str
    """Its value, as written."""
    comment: str
    """What the file says of it."""


def page(conf: Path) -> str:
    """The page, as Markdown.

    Args:
        conf: the folder of the configuration.
    """
    groups = defaultdict(list)
    for path in sorted(conf.rglob("*.yaml")):
        groups[path.parent.relative_to(conf).as_posix()].append(path)
    parts = [INTRODUCTION]
    for group, paths in sorted(groups.items(), key=lambda item: (item[0] != ".", item[0])):
        parts.append("## The commands\n" if group == "." else f"## `{group}`\n")
        parts += [_file(path, f"`{path.stem}.yaml`" if group == "." else f"`{group}={path.stem}`") for path in paths]
    return "\n".join(parts)


def keys(text: str) -> Iterator[Key]:
    """The keys of a YAML file, in their order. Comments above a key and beside it belong to it.

    Args:
        text: the file's content.
    """
    names: list[tuple[int, str]] = []
    above: list[str] = []
    lines = text.splitlines()
    while lines and lines[0].startswith("#"):  # what the whole file is about
        lines.pop(0)
    hidden = None  # depth of a key whose lines below are no keys: the list of defaults, or any other list
    for line, following in itertools.zip_longest(lines, lines[1:], fillvalue=""):
        stripped, depth = line.strip(), len(line) - len(line.lstrip())
        if hidden is not None and stripped and (depth > hidden or stripped.startswith("-")):
            continue
        hidden = None
        match = _LINE.match(line)
        if not stripped or stripped.startswith("#") or match is None:
            above = [*above, stripped.lstrip("# ")] if stripped.startswith("#") else []
            continue
        names = [(indent, name) for indent, name in names if indent < depth] + [(depth, match["key"])]
        dotted = ".".join(name for _, name in names)
        value, comment = (match["value"] or "").strip(), " ".join((*above, match["comment"] or "")).strip()
        above = []
        if following.lstrip().startswith("-"):
            hidden, value = depth, "[...]"
        if dotted == "defaults":
            hidden = depth
        elif match["key"] == "<<":  # all keys of another mapping
            yield Key(dotted.rpartition(".")[0], value, "these keys, and")
        elif value or comment:
            yield Key(dotted, value, comment)


def _file(path: Path, title: str) -> str:
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    start = 1 if lines and lines[0].startswith("# @package") else 0
    header = []
    for line in lines[start:]:
        if not line.startswith("#"):
            break
        header.append(line.lstrip("# "))
    rows = [f"| `{key.name}` | {_cell(key.value, code=True)} | {_cell(key.comment)} |" for key in keys(text)]
    table = ["| key | value | |", "|---|---|---|", *rows, ""] if rows else []
    return "\n".join([f"### {title}\n", _cell(" ".join(header)), "", *table])


def _cell(text: str, code: bool = False) -> str:
    escaped = text.replace("|", "\\|")
    if code and escaped:
        return f"`{escaped}`"
    return escaped.replace("<", "&lt;").replace("[", "\\[")  # not a tag, not a link
