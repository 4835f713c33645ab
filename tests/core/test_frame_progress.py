"""Progress in frames."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from egotap_pl.core.progress import FrameProgress


@pytest.mark.parametrize(
    ("frames", "said"),
    [(3, "0.1 frames/s, 380 s left"), (30, "1.5 frames/s, 20 s left"), (59, "3.0 frames/s, 0 s left")],
)
def test_lines_without_a_terminal(frames: int, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    text = io.StringIO()
    with FrameProgress("train", 60, Console(file=text, width=120)) as progress:
        now += 20
        progress.advance(frames)
    assert text.getvalue() == f"train: {frames} of 60 frames, {said}\n"
