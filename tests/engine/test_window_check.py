"""The warning about earlier frames that the data do not have."""

from __future__ import annotations

from pathlib import Path

import pytest
from fake_source import FakeSource
from rich.console import Console

from egotap_pl.data.preparation.prepare import prepare
from egotap_pl.data.store.codec import RawCodec
from egotap_pl.data.store.paths import store_path
from egotap_pl.data.store.reader import FrameStore
from egotap_pl.data.windows import Window
from egotap_pl.engine.checks.windows import warn_of_gaps


@pytest.mark.parametrize(
    ("window", "warning"),
    [
        (Window(1, 9), None),
        (Window(3, 1), None),  # motions of four frames, one number apart
        (Window(2, 4), "data.window=2 data.stride=4: none of the earlier frames are in the data"),
    ],
)
def test_gaps_are_warned_of(
    window: Window, warning: str | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = FakeSource(frames_per_piece=4)
    prepare(source, tmp_path, RawCodec(), workers=0, console=Console(quiet=True))
    capsys.readouterr()
    warn_of_gaps(FrameStore(store_path(tmp_path, "train")), window)
    told = " ".join("".join(capsys.readouterr()).split())
    assert (warning in told) if warning else not told
