"""The start of the program."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import sys
from egotap_pl.cli.main import main

def status(*words):
    try:
        main(words)
    except SystemExit as end:
        return end.code
    finally:
        assert not {"torch", "lightning"} & sys.modules.keys(), words
    return 0

assert status("train", "--help") == status("report", "--cfg", "job") == 0
assert status("train", "training.epoch=3") == 1
assert status("train", "+epochs=3") == 1
"""


def test_torch_is_not_imported_before_there_is_work() -> None:
    """OpenMP reads its variables when torch is imported. Without torch, help and messages about mistakes are quick."""
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    assert "train is powered by Hydra" in done.stdout
    assert "did you mean training.epochs?" in done.stderr
