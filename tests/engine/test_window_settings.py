"""Windows are checked before any work begins."""

from __future__ import annotations

import pytest

import egotap_pl
from egotap_pl.core.errors import EgotapError
from egotap_pl.data.windows import Window


def test_a_lifter_that_reads_single_frames_gets_no_windows() -> None:
    assert egotap_pl.compose("scale=smoke").data.window == Window(1, 1)
    with pytest.raises(EgotapError, match=r"data\.window=5: nothing in this lifter reads earlier frames"):
        egotap_pl.compose("scale=smoke", "data.window=5")
    with pytest.raises(EgotapError, match=r"data\.window=0: must be a whole number"):
        egotap_pl.compose("scale=smoke", "data.window=0")
