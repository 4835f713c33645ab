"""The start of the program."""

from __future__ import annotations

import subprocess
import sys


def test_torch_is_not_imported_before_its_variables_are_set() -> None:
    """OpenMP reads them when torch is imported. Without torch, --help is also quick."""
    program = "import sys, egotap_pl.cli.main; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], timeout=100).returncode == 0
