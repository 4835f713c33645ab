"""Refuses a source that lacks what `Source` asks for, before any frame is read."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from egotap_pl.core.camera import StereoRig
from egotap_pl.core.errors import EgotapError
from egotap_pl.core.skeleton import Skeleton
from egotap_pl.data.source import SPLITS, Piece, Source

_MEMBERS = ("skeleton", "rig", "image_px", "categories", "identity", "splits", "plan", "read")


def identity_of(source: Any) -> dict[str, Any]:
    """The identity of a source that has everything `Source` asks for.

    Raises:
        EgotapError: if the source lacks something, or its identity is not plain JSON; names its class and the field.
    """
    name, members = type(source).__name__, dir(source)
    if missing := [member for member in _MEMBERS if member not in members]:
        raise EgotapError(f"{name} lacks {', '.join(missing)}: a source needs all of {', '.join(_MEMBERS)}")
    for member, kind in (("skeleton", Skeleton), ("rig", StereoRig)):
        if not isinstance(value := getattr(source, member), kind):
            raise EgotapError(f"{name}.{member} is of type {type(value).__name__}: it must be a {kind.__name__}")
    splits: Any = source.splits()
    if isinstance(splits, str) or not isinstance(splits, Iterable) or not (splits := list(splits)):
        raise EgotapError(f"{name}.splits() returned {splits!r}: it must return a list of some of {', '.join(SPLITS)}")
    if unknown := [split for split in splits if split not in SPLITS]:
        raise EgotapError(f"{name}.splits() names {sorted(map(str, unknown))}: must be among {', '.join(SPLITS)}")
    identity: Any = source.identity()
    remedy = "identity() must return plain containers: a dict of numbers, texts and lists"
    if not isinstance(identity, dict):
        raise EgotapError(f"{name}.identity() returned a value of type {type(identity).__name__}; {remedy}")
    for key, value in identity.items():
        try:
            json.dumps(value, sort_keys=True)
        except (TypeError, ValueError) as error:
            raise EgotapError(f"{name}.identity(), key {key!r}: {error}; {remedy}") from error
        if not isinstance(key, str):
            raise EgotapError(f"{name}.identity(), key {key!r}: keys must be texts; {remedy}")
    return identity


def plan_of(source: Source[Any], split: str) -> Sequence[Piece]:
    """The pieces of a split.

    Args:
        source: the data set.
        split: name of the split.

    Raises:
        EgotapError: if they are not a sequence of pieces, or two have the same key; names the class and the method.
    """
    pieces: Sequence[Piece] = source.plan(split)
    where = f"{type(source).__name__}.plan({split!r})"
    if not all(hasattr(pieces, method) for method in ("__len__", "__getitem__")):
        raise EgotapError(f"{where} returned a value of type {type(pieces).__name__}: it must return a list of pieces")
    seen: set[str] = set()
    for piece in pieces:
        if lacking := [field for field in ("key", "frames") if not hasattr(piece, field)]:
            kind = type(piece).__name__
            raise EgotapError(
                f"{where} has a piece of type {kind} without {' and '.join(lacking)}: every piece needs both"
            )
        if piece.key in seen:
            raise EgotapError(f"{where} uses a key twice, {piece.key!r}: every piece of a split needs a key of its own")
        seen.add(piece.key)
    return pieces
