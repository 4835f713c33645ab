"""JSON that somebody else wrote."""

from __future__ import annotations

import json
from typing import Any

from egotap_pl.core.limits import JOINTS, JSON_DEPTH
from egotap_pl.core.skeleton import Skeleton


def parse_json(text: str) -> Any:
    """The content of a JSON text that is nested at most `JSON_DEPTH` deep, so that it can be walked by recursion.

    Raises:
        ValueError: if it is something else.
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
    """A value of a JSON object.

    Args:
        content: the object.
        key: of the value.
        kind: Python's type for it.

    Raises:
        ValueError: if there is no such value, or it is of another type.
    """
    value = content.get(key) if isinstance(content, dict) else None
    if type(value) is not kind:
        raise ValueError(f"{key!r} is of type {type(value).__name__}, expected {kind.__name__}")
    return value


def typed_list(content: Any, key: str, kind: type) -> tuple[Any, ...]:
    """A list of values of one type in a JSON object.

    Args:
        content: the object.
        key: of the list.
        kind: Python's type for its items.

    Raises:
        ValueError: if it is something else.
    """
    values = typed(content, key, list)
    for value in values:
        if type(value) is not kind:
            raise ValueError(f"{key!r} has an item of type {type(value).__name__}, expected {kind.__name__}")
    return tuple(values)


def skeleton_from(content: Any) -> Skeleton:
    """The skeleton that a JSON object describes.

    Raises:
        ValueError: if it describes none, or one of more than `JOINTS` joints.
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
