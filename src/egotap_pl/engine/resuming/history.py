"""What happened to a training before it was finished: interruptions, restarts and returns, in a file of its folder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from egotap_pl.core.atomic import write_json
from egotap_pl.core.disks import raise_if_disk_fails

FILE = "history.json"


@dataclass(frozen=True)
class History:
    """What happened to a training."""

    restarts: int = 0
    """How many times it started again with another seed, after a collapse."""

    resumed: tuple[str, ...] = ()
    """When it was resumed from a checkpoint (ISO 8601)."""

    returns: tuple[Mapping[str, Any], ...] = ()
    """When a number was not finite and the training went back to a checkpoint: ``time``, ``step`` and ``to_step``."""

    @classmethod
    def read(cls, folder: Path) -> History:
        """The history in a training's folder; an empty one if there is none, or it is damaged.

        Raises:
            OSError: if the disk fails.
        """
        try:
            content = json.loads((folder / FILE).read_text(encoding="utf-8"))
            return cls(int(content["restarts"]), tuple(content["resumed"]), tuple(content["returns"]))
        except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
            raise_if_disk_fails(error, folder / FILE)
            return cls()

    def write(self, folder: Path) -> None:
        """Write the history to a training's folder."""
        write_json(folder / FILE, asdict(self), durable=True)

    def restarted(self) -> History:
        """The history after one more restart with another seed."""
        return replace(self, restarts=self.restarts + 1)

    def resumed_now(self) -> History:
        """The history after one more resumption."""
        return replace(self, resumed=(*self.resumed, _now()))

    def returned(self, step: int, to_step: int) -> History:
        """The history after one more return to a checkpoint.

        Args:
            step: the step whose loss, or the last step before the validation whose error, was not finite.
            to_step: the step after which the checkpoint was written; 0: the start.
        """
        return replace(self, returns=(*self.returns, {"time": _now(), "step": step, "to_step": to_step}))

    def to_metrics(self) -> dict[str, Any]:
        """The entries of metrics.json."""
        return {"resumed": list(self.resumed), "nan_returns": [dict(entry) for entry in self.returns]}


def describe_resumed(times: list[str] | tuple[str, ...]) -> str:
    """How often a training was resumed, and when, in words; empty if it was not.

    >>> describe_resumed(["2026-01-01T10:00:00+01:00", "2026-01-02T11:30:00+01:00"])
    '2 times: 2026-01-01 10:00, 2026-01-02 11:30'
    """
    last = [time[:16].replace("T", " ") for time in times[-_LISTED:]]
    dots = "..., " if len(times) > _LISTED else ""
    return f"{len(times)} time{'s' * (len(times) != 1)}: {dots}{', '.join(last)}" if times else ""


_LISTED = 5


def _now() -> str:
    return datetime.now().astimezone().isoformat(timespec="seconds")
