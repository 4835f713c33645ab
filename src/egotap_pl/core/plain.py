"""Dataclasses as plain containers, and the check that comes before the way back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any


def to_plain(instance: Any) -> dict[str, Any]:
    """The fields of a dataclass by name, tuples as lists: what JSON can hold."""
    values = {field.name: getattr(instance, field.name) for field in fields(instance)}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}


def check_keys(kind: str, data: Mapping[str, Any], cls: type) -> None:
    """Check that a mapping has a key for every field of a dataclass, and no other key.

    Args:
        kind: what the mapping describes, for the message.
        data: the mapping.
        cls: the dataclass.

    Raises:
        ValueError: if a key is missing or unknown.
    """
    expected = {field.name for field in fields(cls)}
    missing, unknown = sorted(expected - set(data)), sorted(map(str, set(data) - expected))
    wrong = [f"{key!r} is missing" for key in missing] + [f"{key!r} is unknown" for key in unknown]
    if wrong:
        raise ValueError(f"{kind}: keys {', '.join(sorted(expected))} are expected: {', '.join(wrong)}")
