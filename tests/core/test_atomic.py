"""Files that are written whole, and the errors of disks."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from egotap_pl.core.atomic import at, write_json, write_text


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


KILLED = """
import os, signal, sys
from pathlib import Path
from egotap_pl.core.atomic import atomic
with atomic(Path(sys.argv[1])) as temporary:
    temporary.write_text("half")
    print("written", flush=True)
    if sys.argv[2] == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    sys.stdin.read()
"""


def test_what_a_killed_process_left_is_removed_by_the_next_write(tmp_path: Path) -> None:
    path = tmp_path / "poses [1].h5"
    command = [sys.executable, "-c", KILLED, str(path)]
    subprocess.run([*command, "die"], check=False, stdout=subprocess.DEVNULL)
    (left,) = tmp_path.iterdir()
    other_machine = left.with_name(left.name.replace(left.name.split(".")[-2], f"00000000-{os.getpid()}"))
    other_machine.touch()
    with subprocess.Popen([*command, "wait"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as writing:
        assert writing.stdout is not None
        writing.stdout.readline()
        working = set(tmp_path.iterdir()) - {left, other_machine}
        write_text(path, "whole", durable=True)
        assert set(tmp_path.iterdir()) == {path, other_machine, *working}
        writing.communicate()
    assert set(tmp_path.iterdir()) == {path, other_machine}
