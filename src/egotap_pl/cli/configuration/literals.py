"""Paths and names on the command line. They mean what was typed, whatever Hydra's grammar would make of it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Quote, QuotedString
from hydra.errors import HydraException

from egotap_pl.cli.configuration.conf_dir import groups
from egotap_pl.cli.configuration.words import is_grid

LITERAL = frozenset(
    (
        *("checkpoint", "init", "input", "name", "output", "overlay", "repeat", "rig", "runs", "source", "store"),
        *("data.folder", "data.root", "data.source.root", "hydra.run.dir", "hydra.sweep.dir"),
        *("estimators.joint.init", "estimators.limb.init", "estimators.shared.init", "training.init"),
        *("paths.data", "paths.runs", "paths.stages", "paths.work"),
    )
)
"""Keys whose values are paths or names."""
_LISTS = frozenset(("input", "runs"))
"""Those that also take a list, ``[a,b]``."""
_SWEPT = frozenset(("checkpoint", "init", "data.folder", "data.root", "input", "repeat", "rig", "source", "store"))
"""Those that a grid may go through."""
_OVERRIDE = re.compile(r"(?P<key>\+{0,2}(?P<name>[\w.]+))=(?P<value>.*)", re.DOTALL)
_CHOICE = re.compile(r"\+{0,2}(?P<group>[\w/]+)(@[\w.]+)?=(?P<value>[\w.+-]+)")
_FUNCTION = re.compile(r"(choice|glob|shuffle|sort|tag|extend_list)\(.*\)", re.DOTALL)


def quote_literals(words: Sequence[str]) -> list[str]:
    """Quote the paths and names among the words of a command line for Hydra, and expand ``~``.

    ``null``, a value that is quoted for Hydra already, and one with an interpolation (``${...}``) stay as they are. In
    a grid (``-m``), commas separate the values of a key that names something to read, unless there is a file or folder
    of this name.

    >>> quote_literals(["checkpoint=runs/seed=1,a/best.ckpt", "output=42", "name=it's", "seed=1"])
    ["checkpoint='runs/seed=1,a/best.ckpt'", "output='42'", "name='it\\\\'s'", 'seed=1']
    >>> quote_literals(["input=[my left,right=1]", "output=poses.csv"])
    ["input=[my left,'right=1']", 'output=poses.csv']

    Options of groups are names, too: Hydra has no message for others.

    >>> quote_literals(["heatmaps=true", "lifter/encoder=null", "training.epochs=1"])
    ["heatmaps='true'", "lifter/encoder='null'", 'training.epochs=1']
    >>> quote_literals(["-m", "checkpoint=runs/seed=1,runs/seed=2"])
    ['-m', "checkpoint='runs/seed=1','runs/seed=2'"]
    """
    return [_quoted(word, is_grid(words)) for word in words]


def _quoted(word: str, in_grid: bool) -> str:
    match = _OVERRIDE.fullmatch(word)
    if match is None or match["name"] not in LITERAL:
        return _option(word)
    key, value = match["key"], match["value"]
    if value in ("", "null", "???") or "${" in value or _exists(value):
        return f"{key}={_text(value)}"
    if match["name"] in _LISTS and value.startswith("[") and value.endswith("]"):
        return f"{key}=[{_texts(value[1:-1])}]"
    is_swept = in_grid and match["name"] in _SWEPT
    if is_swept and _FUNCTION.fullmatch(value):
        return word
    return f"{key}={_texts(value) if is_swept else _text(value)}"


def _option(word: str) -> str:
    """An override whose value is a name, if it chooses an option of a group."""
    match = _CHOICE.fullmatch(word)
    if match is None or isinstance(_value_of(match["value"]), str) or match["group"] not in groups():
        return word
    return word.removesuffix(match["value"]) + QuotedString(match["value"], Quote.single).with_quotes()


def _value_of(text: str) -> object:
    """What Hydra makes of a value; None where it cannot read it, or sweeps over it."""
    try:
        override = OverridesParser.create().parse_override(f"key={text}")
        return None if override.is_sweep_override() else override.value()
    except HydraException:
        return None


def _texts(values: str) -> str:
    return ",".join(_text(value) for value in _split(values))


def _text(value: str) -> str:
    """One value: as it is if Hydra reads it so, or else in quotes."""
    if value in ("", "null", "???") or "${" in value or _is_quoted(value):
        return value
    value = os.path.expanduser(value)
    return value if _value_of(value) == value else QuotedString(value, Quote.single).with_quotes()


def _split(values: str) -> Iterator[str]:
    """The values between commas that are outside of quotes."""
    for match in re.finditer(r"\s*((?:'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\"|[^,])*)(?:,|$)", values):
        if match[0]:
            yield match[1].rstrip()


def _is_quoted(value: str) -> bool:
    return len(value) > 1 and value[0] == value[-1] and value[0] in "'\""


def _exists(value: str) -> bool:
    try:
        return Path(os.path.expanduser(value)).exists()
    except (OSError, ValueError):  # too long for a name of a file; a null character
        return False
