"""The scripts of experiments/benchmarks as modules."""

from __future__ import annotations

import importlib.util
import sys
from types import ModuleType

import pytest
from documented import ROOT

FOLDER = ROOT / "experiments" / "benchmarks"


def loaded(name: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A script as a module, while the test lasts."""
    stem = name.removesuffix(".py")
    spec = importlib.util.spec_from_file_location(stem, FOLDER / name)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, stem, module)
    monkeypatch.syspath_prepend(str(FOLDER))  # some import another script
    spec.loader.exec_module(module)
    return module
