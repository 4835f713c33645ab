"""The identity of a motion source depends on the contents of its files, not on their location or age."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from egotap_pl.core.errors import EgotapError
from egotap_pl.synth.motion import BvhMotions, DeepMimicMotions, MotionSource, ProceduralMotions

FILES: list[tuple[str, Callable[[Path], MotionSource]]] = [
    ("humanoid3d_{}.txt", DeepMimicMotions),
    ("{}.bvh", BvhMotions),
]


def folder(path: Path, pattern: str, **contents: str) -> Path:
    path.mkdir()
    for name, content in contents.items():
        (path / pattern.format(name)).write_text(content)
    return path


@pytest.mark.parametrize(("pattern", "make"), FILES)
def test_identity_depends_on_names_and_contents_of_files(
    tmp_path: Path, pattern: str, make: Callable[[Path], MotionSource]
) -> None:
    def identity(name: str, **contents: str) -> str:
        return json.dumps(make(folder(tmp_path / name, pattern, **contents)).identity())

    first = identity("a", walk="1", punch="2")
    assert identity("b", walk="1", punch="2") == first
    others = [
        identity("c", walk="1", punch="3"),
        identity("d", walk="2", punch="1"),
        identity("e", walk="1"),
        identity("f", walk="1", kick="2"),
    ]
    assert len({first, *others}) == 5


def test_identity_depends_on_categories(tmp_path: Path) -> None:
    files = folder(tmp_path / "a", "{}.bvh", walk="1")
    assert BvhMotions(files).identity() != BvhMotions(files, default_category="golf").identity()
    assert BvhMotions(files).identity() != BvhMotions(files, {"walk": "dancing"}).identity()


def test_an_error_names_a_file_that_disappeared(tmp_path: Path) -> None:
    files = folder(tmp_path / "a", "{}.bvh", walk="1")
    motions = BvhMotions(files)
    (files / "walk.bvh").unlink()
    with pytest.raises(EgotapError, match=r"walk.bvh: cannot be read"):
        motions.identity()


def test_identity_of_procedural_motions_depends_on_their_number() -> None:
    identity = ProceduralMotions(3).identity()
    assert identity == ProceduralMotions(3).identity() != ProceduralMotions(4).identity()
    assert json.loads(json.dumps(identity)) == identity
