"""Results of several metrics as one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def merged(*results: Mapping[str, Any]) -> dict[str, Any]:
    """Results of several metrics as one mapping, with the entries of each joint or category together.

    >>> merged({"mpjpe": 50.0, "per_category": {"golf": {"mpjpe": 50.0}}}, {"per_category": {"golf": {"pck": 98.0}}})
    {'mpjpe': 50.0, 'per_category': {'golf': {'mpjpe': 50.0, 'pck': 98.0}}}
    """
    together: dict[str, Any] = {}
    for result in results:
        for name, value in result.items():
            both = isinstance(value, Mapping) and isinstance(together.get(name), Mapping)
            together[name] = merged(together[name], value) if both else value
    return together
