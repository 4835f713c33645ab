"""Reads JSON from strangers."""

from __future__ import annotations

import json
from typing import Any

from egotap_pl.core.limits import JOINTS, JSON_DEPTH
from egotap_pl.core.skeleton import Skeleton


def parse_json(text: str) -> Any:
    """Parse a JSON text whose nesting is at most `JSON_DEPTH`, so that recursion over it is safe.

    Raises:
        ValueError: if it is not JSON, or is nested too deeply.
    """
    try:
        content = json.loads(text)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    level = [content]
    for _ in range(JSON_DEPTH + 1):
        containers = [value for value in level if isinstance(value, (dict, list))]
        if not containers:
            return content
        level = [item for value in containers for item in (value.values() if isinstance(value, dict) else value)]
    raise ValueError(f"nested deeper than {JSON_DEPTH} lists and objects")


def typed(content: Any, key: str, kind: type) -> Any:
    """Get a value from a JSON object, and check its type.

    Args:
        content: the object.
        key: the value's key.
        kind: the value's type in Python.

    Raises:
        ValueError: if there is no such value, or it is of another type.
    """
    value = content.get(key) if isinstance(content, dict) else None
    if type(value) is not kind:
        raise ValueError(f"{key!r} is of type {type(value).__name__}, expected {kind.__name__}")
    return value


def typed_list(content: Any, key: str, kind: type) -> tuple[Any, ...]:
    """Get a list from a JSON object, and check the type of its items.

    Args:
        content: the object.
        key: the list's key.
        kind: the items' type in Python.

    Raises:
        ValueError: if there is no such list, or an item is of another type.
    """
    values = typed(content, key, list)
    for value in values:
        if type(value) is not kind:
            raise ValueError(f"{key!r} has an item of type {type(value).__name__}, expected {kind.__name__}")
    return tuple(values)


def skeleton_from(content: Any) -> Skeleton:
    """The skeleton that a JSON object describes.

    Raises:
        ValueError: if it does not describe a skeleton, or one of more than `JOINTS` joints.
    """
    joints = typed_list(content, "joints", str)
    if len(joints) > JOINTS:
        raise ValueError(f"a skeleton of {len(joints)} joints, more than {JOINTS}")
    return Skeleton(
        name=typed(content, "name", str),
        joints=joints,
        parents=typed_list(content, "parents", int),
        estimates_root=typed(content, "estimates_root", bool),
    )
