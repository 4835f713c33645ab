"""EgoSynth's motions and frames, made once in a session: the commands of many tests ask for the same ones."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

_MADE: dict[tuple[Any, ...], Any] = {}


def render_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep what EgoSynth makes in this process, by everything that determines it: its settings, and which take.

    That the same settings give the same bytes, in any process and order, is shown by tests/data/test_egosynth.py and
    tests/synth, where nothing is kept.
    """
    from egotap_pl.data.egosynth import EgoSynthSource  # imported here, after pytest has set up the shape checks
    from egotap_pl.synth.motion import ProceduralMotions

    for owner, name in ((ProceduralMotions, "clip"), (EgoSynthSource, "read"), (EgoSynthSource, "sight")):
        monkeypatch.setattr(owner, name, _once(getattr(owner, name)))


def _once(method: Callable[..., Any]) -> Callable[..., Any]:
    def call(self: Any, *arguments: Any) -> Any:
        key = (method.__qualname__, json.dumps(self.identity()), *arguments)
        if key not in _MADE:
            _MADE[key] = method(self, *arguments)
        return _MADE[key]

    call.__qualname__ = method.__qualname__
    return call
