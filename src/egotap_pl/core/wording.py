"""Numbers and lists of names as a reader expects them, in tables, captions and figures alike."""

from __future__ import annotations

from collections.abc import Sequence

MINUS = "\N{MINUS SIGN}"


def number(value: float, digits: int) -> str:
    """A number with a typographic minus sign.

    >>> number(-1.25, 1)
    '−1.2'
    """
    return f"{value:.{digits}f}".replace("-", MINUS)


def signed(value: float, digits: int) -> str:
    """A difference, with its sign. Zero has none, and neither has what is rounded to zero.

    >>> signed(1.25, 1), signed(-1.25, 1), signed(-0.01, 1)
    ('+1.2', '−1.2', '0.0')
    """
    rounded = round(value, digits)
    return f"{rounded:+.{digits}f}".replace("-", MINUS) if rounded else f"{0:.{digits}f}"


def in_words(names: Sequence[str]) -> str:
    """Names as a sentence lists them.

    >>> in_words(["CNN", "Channel ViT", "Grid ViT"])
    'CNN, Channel ViT and Grid ViT'
    """
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def some_of(names: Sequence[str], separator: str = ", ") -> str:
    """The first three names, for a message.

    >>> some_of(["a", "b"]), some_of(["a", "b", "c", "d"])
    ('a, b', 'a, b, c, ...')
    """
    return separator.join([*names[:3], *["..."] * (len(names) > 3)])
