"""What happens to the frames of a recording that cannot be read: an error, or a gap."""

from __future__ import annotations

from collections.abc import Iterable

from egotap_pl.core.errors import EgotapError
from egotap_pl.core.messages import say

ON_ERROR = ("raise", "skip")
"""Values of ``on_error``."""
_MOST_NAMED = 20


class Gaps:
    """Frames that are skipped because they are damaged or missing.

    Args:
        skip: whether such frames are skipped; otherwise they are errors.
    """

    def __init__(self, skip: bool = False) -> None:
        self.skip = skip
        self.reasons: dict[int, str] = {}
        """Why each skipped frame cannot be read, by its number in the input."""

    @classmethod
    def parse(cls, on_error: str) -> Gaps:
        """What ``on_error=...`` says.

        Raises:
            EgotapError: if it is not one of `ON_ERROR`.
        """
        check_on_error(on_error)
        return cls(on_error == "skip")

    def __contains__(self, number: int) -> bool:
        return number in self.reasons

    def add(self, number: int, error: EgotapError) -> None:
        """Skip a frame. The first twenty are named on the screen.

        Args:
            number: number of the frame in the input, from 0.
            error: why it cannot be read.

        Raises:
            EgotapError: if frames are not skipped.
        """
        if not self.skip:
            raise EgotapError(f"{error}; on_error=skip skips such frames") from error
        self.reasons[number] = str(error)
        if len(self.reasons) <= _MOST_NAMED:
            say(f"frame {number} is skipped: {error}")
        elif len(self.reasons) == _MOST_NAMED + 1:
            say("more frames are skipped, which are counted at the end")


def check_on_error(on_error: str) -> None:
    """Check a value of ``on_error``.

    Raises:
        EgotapError: if it is not one of `ON_ERROR`.
    """
    if on_error not in ON_ERROR:
        raise EgotapError(f"on_error={on_error}: must be one of: {', '.join(ON_ERROR)}")


def ranges(numbers: Iterable[int]) -> str:
    """Numbers in short, in their order.

    >>> ranges([7, 1, 2, 3, 9])
    '1-3, 7, 9'
    """
    parts: list[list[int]] = []
    for number in sorted(numbers):
        if parts and number == parts[-1][1] + 1:
            parts[-1][1] = number
        else:
            parts.append([number, number])
    return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in parts)
