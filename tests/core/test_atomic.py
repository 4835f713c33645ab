"""Files that are written whole, and the errors of disks."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from egotap_pl.core.atomic import at, write_json


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_a_number_that_json_does_not_have_is_refused(number: float, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "metrics.json", {"mpjpe": number})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "error", [OSError("Unable to create file (can't retrieve stat info)"), RuntimeError("damaged")]
)
def test_a_failing_disk_is_named_though_the_error_is_not(
    error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """HDF5 does not always say which error of the operating system it met."""
    stat = os.stat

    def fail(path: Any, **options: Any) -> os.stat_result:
        if path == tmp_path:
            raise OSError(errno.EIO, os.strerror(errno.EIO), str(path))
        return stat(path, **options)

    with pytest.raises(type(error)) as raised, at(tmp_path / "train.h5"):
        raise error
    assert raised.value is error
    monkeypatch.setattr(os, "stat", fail)
    with pytest.raises(OSError, match=r"Input/output error") as raised, at(tmp_path / "train.h5"):
        raise error
    assert raised.value.filename == str(tmp_path)
