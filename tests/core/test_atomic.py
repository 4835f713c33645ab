"""JSON files."""

from __future__ import annotations

from pathlib import Path

import pytest

from egotap_pl.core.atomic import write_json


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_a_number_that_json_does_not_have_is_refused(number: float, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "metrics.json", {"mpjpe": number})
    assert not list(tmp_path.iterdir())
