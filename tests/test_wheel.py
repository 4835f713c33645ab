"""An installed wheel brings everything that the program reads besides its code."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import egotap_pl

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as file:
        return set(file.namelist())


@pytest.mark.parametrize(
    ("place", "inside", "pattern"),
    [
        ("src/egotap_pl", "egotap_pl", "*.*"),
        ("src/hydra_plugins", "hydra_plugins", "*.py"),
        ("conf", "egotap_pl/conf", "*.yaml"),
        ("experiments", "egotap_pl/experiments", "paper.csv"),
    ],
)
def test_it_holds_what_the_checkout_holds(names: set[str], place: str, inside: str, pattern: str) -> None:
    found = [path for path in (ROOT / place).rglob(pattern) if "__pycache__" not in path.parts and path.is_file()]
    wanted = {f"{inside}/{path.relative_to(ROOT / place).as_posix()}" for path in found}
    assert wanted
    assert wanted <= names


def test_its_version_is_that_of_the_package(names: set[str]) -> None:
    assert f"egotap_pl-{egotap_pl.__version__}.dist-info/METADATA" in names
