"""Reads YAML from outside: plain values only, nothing executed, no aliases, and no more than a calibration needs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from egotap_pl.core.errors import EgotapError
from egotap_pl.core.limits import JSON_DEPTH, YAML_VALUES
from egotap_pl.data.untrusted.readers import read_text

_OPENCV = "tag:yaml.org,2002:opencv-"
_FLOAT = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?$")
_FIRST_LINE = re.compile(r"%YAML[: ]1\.[0-9][^\n]*(\n|$)")


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader, which also reads 1e-3 as a number, and refuses a key that is there twice."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        if not isinstance(node, yaml.MappingNode):
            raise ValueError(f"{str(node.value)[:80]!r} where keys and values were expected")
        keys = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, (str, int, float)):
                raise ValueError(f"{str(key)[:80]!r} is not a key")
            if key in keys:
                raise ValueError(f"the key {str(key)[:80]!r} is there twice")
            keys.add(key)
        return super().construct_mapping(node, deep)


_Loader.add_implicit_resolver("tag:yaml.org,2002:float", _FLOAT, list("-+.0123456789"))
_Loader.add_multi_constructor(_OPENCV, lambda loader, suffix, node: loader.construct_mapping(node, deep=True))


def read_yaml(path: Path | str, max_bytes: int) -> dict[str, Any]:
    """Reads a YAML file that holds keys and plain values, or one that OpenCV's FileStorage wrote.

    A matrix of FileStorage becomes a mapping of ``rows``, ``cols`` (or ``sizes``), ``dt`` and ``data``.

    Args:
        path: the file.
        max_bytes: its largest size.

    Raises:
        EgotapError: as `read_text`, or if it is not YAML with keys, has aliases, tags of classes or a key twice, or is
            nested too deeply or too long.
    """
    # FileStorage's first line, "%YAML:1.0" before OpenCV 5, is not what YAML's own directive looks like.
    text = _FIRST_LINE.sub("\n", read_text(path, max_bytes), count=1)
    try:
        _check_size(text)
        content = yaml.load(text, Loader=_Loader)
    except (yaml.YAMLError, ValueError) as error:  # ValueError: for example a date that does not exist
        first = " ".join(str(error).split()) or type(error).__name__
        raise EgotapError(f"{path} is not YAML that can be read here: {first[:300]}") from error
    if not isinstance(content, dict):
        raise EgotapError(f"{path} is not YAML with keys and values")
    return content


def _check_size(text: str) -> None:
    """Looks through the text before objects are made of it."""
    depth = 0
    for count, event in enumerate(yaml.parse(text, Loader=yaml.SafeLoader)):
        if isinstance(event, yaml.AliasEvent):
            raise ValueError("it has aliases")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > JSON_DEPTH or count > YAML_VALUES:
            raise ValueError("it is too long or nested too deeply for a calibration")
