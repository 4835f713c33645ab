"""The start of the program."""

from __future__ import annotations

import gc
import subprocess
import sys
from pathlib import Path

import pytest

import egotap_pl.cli
from egotap_pl.cli.application import module_of

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


@pytest.mark.parametrize("ending", ["", "1 / 0"])
def test_garbage_is_not_looked_for_while_a_verb_is_imported(
    ending: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "verb.py").write_text(f"import gc\nCOLLECTS = gc.isenabled()\n{ending}\n")
    monkeypatch.setattr(egotap_pl.cli, "__path__", [str(tmp_path)])
    monkeypatch.delitem(sys.modules, "egotap_pl.cli.verb", raising=False)
    if ending:
        with pytest.raises(ZeroDivisionError):
            module_of("verb")
    else:
        module = module_of("verb")
        assert not module.COLLECTS
        assert not is_collected(vars(module))
        made_between = [module]
        assert module_of("verb") is module
        assert is_collected(made_between)  # what a caller does between two commands is collected as always
    assert gc.isenabled()


def is_collected(container: object) -> bool:
    """Whether garbage is looked for there. A count of frozen objects would not do: other threads let go of some."""
    return any(each is container for each in gc.get_objects())
