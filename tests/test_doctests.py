"""The examples in docstrings: each is run, and found from disk, so that a new one is tested without being listed."""

from __future__ import annotations

import ast
import doctest
import importlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hydra.core.global_hydra import GlobalHydra

import egotap_pl

PACKAGE = Path(egotap_pl.__file__).parent
PARSER = doctest.DocTestParser()
FILES = Path(__file__).parent / "old" / "0.1.0"


def docstrings(path: Path) -> Iterator[tuple[str, int, str]]:
    """Name, line and text of every docstring of a file that has an example.

    Read from the source and not from the module: doctest's own finder overlooks decorated functions.
    """
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            text = ast.get_docstring(node, clean=False)
            if text and ">>>" in text:
                yield getattr(node, "name", "module"), node.body[0].lineno, text


EXAMPLES = [
    pytest.param(path, line, text, id=f"{path.relative_to(PACKAGE).as_posix()}-{name}")
    for path in sorted(PACKAGE.rglob("*.py"))
    if ">>>" in path.read_text(encoding="utf-8")
    for name, line, text in docstrings(path)
]


@pytest.mark.parametrize(("path", "line", "text"), EXAMPLES)
def test_examples_print_what_they_show(
    path: Path, line: int, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(FILES, tmp_path, dirs_exist_ok=True)  # a run and prepared data, in the places that examples name
    monkeypatch.chdir(tmp_path)
    GlobalHydra.instance().clear()
    module = ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")
    names = dict(vars(importlib.import_module(module)))
    example = PARSER.get_doctest(text, names, module, str(path), line - 1)
    assert example.examples
    report: list[str] = []
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    runner.run(example, out=report.append)
    assert not runner.failures, "".join(report)


def test_the_first_things_that_a_user_meets_have_examples() -> None:
    files = {path.relative_to(PACKAGE).as_posix() for path, *_ in (param.values for param in EXAMPLES)}
    assert files >= {
        "api.py",
        "cli/configuration/composing.py",
        "core/camera/rig.py",
        "core/heatmap.py",
        "core/skeleton.py",
    }
