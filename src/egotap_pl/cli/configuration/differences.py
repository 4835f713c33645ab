"""How a configuration differs from another one, as overrides of a command line."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping
from typing import Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

Key = tuple[str, ...]
Changes = dict[Key, Any]
Overrides = tuple[tuple[str, str], ...]


class _Missing:
    """In place of the value of a key that a configuration does not have."""


def changes(composed: Mapping[str, Any], settings: Mapping[str, Any]) -> Changes:
    """The overrides that lead from a composed configuration to settings.

    A value that follows from a changed value is not a change of its own. Values without interpolations are compared
    first. Then the interpolations are resolved with the changed values, and what still differs is added one by one.

    Args:
        composed: a composed configuration, with interpolations.
        settings: a resolved configuration.
    """
    values = dict(_differences(composed, settings, interpolated=False))
    while True:
        changed = copy.deepcopy(dict(composed)) | {"seed": settings["seed"]}
        for key, value in values.items():
            _set(changed, key, value)
        try:
            resolved = OmegaConf.to_container(OmegaConf.create(changed), resolve=True)
        except OmegaConfBaseException:  # an interpolation leads to a key that is missing: nothing follows from it
            resolved = changed
        left = dict(_differences(resolved, settings, interpolated=True))
        if not left:
            return values
        if resolved is changed or values.keys() >= left.keys():
            return values | left
        key = next(key for key in left if key not in values)
        values[key] = left[key]


def _differences(one: Any, other: Any, interpolated: bool, key: Key = ()) -> Iterator[tuple[Key, Any]]:
    """The keys whose values differ, in the order of ``one``, with the values of ``other``.

    Args:
        one: plain containers.
        other: plain containers.
        interpolated: whether values of ``one`` that are interpolations count, too.
        key: where both stand.
    """
    if one == other:  # most branches are, and Python compares them much faster than a walk through them would
        return
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        for name in dict.fromkeys((*one, *other)):
            if (*key, name) == ("seed",):
                continue
            yield from _differences(one.get(name, _Missing), other.get(name, _Missing), interpolated, (*key, str(name)))
    elif interpolated or not (isinstance(one, str) and "${" in one):
        yield key, other


def _set(tree: dict[str, Any], key: Key, value: Any) -> None:
    for name in key[:-1]:
        node = tree.get(name)
        tree[name] = node if isinstance(node, dict) else {}
        tree = tree[name]
    if value is _Missing:
        tree.pop(key[-1], None)
    else:
        tree[key[-1]] = copy.deepcopy(value)


def as_overrides(values: Changes, composed: Mapping[str, Any]) -> Overrides:
    """Changes by key, as they are written on a command line: with a plus where the configuration has no such key.

    Args:
        values: the changes.
        composed: the configuration that they change.
    """
    words = ((".".join(key), value, _is_new(key, value, composed)) for key, value in values.items())
    return tuple(("+" * is_new + key, _written(key, value)) for key, value, is_new in sorted(words, key=lambda w: w[0]))


def _is_new(key: Key, value: Any, composed: Mapping[str, Any]) -> bool:
    if value is _Missing or len(key) == 1:  # a whole group is chosen, never added
        return False
    node: Any = composed
    for name in key:
        if not isinstance(node, Mapping):  # an option such as null or an interpolation, which Hydra sets keys of
            return False
        if name not in node:
            return True
        node = node[name]
    return False


def _written(key: str, value: Any) -> str:
    if value is _Missing:
        return f"~{key}"
    if isinstance(value, str):
        return value
    return json.dumps(value, separators=(",", ":")).replace('"', "")


def distance(one: Any, other: Any) -> int:
    """How many values differ, those aside that are interpolations in the first."""
    return sum(size(value) for _, value in _differences(one, other, interpolated=False))


def size(value: Any) -> int:
    """Number of values in a value that may be a mapping: setting one of them is a smaller change than setting all."""
    return sum(map(size, value.values())) if isinstance(value, Mapping) and value else 1
