"""YAML from outside: plain values only."""

from __future__ import annotations

from pathlib import Path

import pytest

from egotap_pl.core.errors import EgotapError
from egotap_pl.data.untrusted.yaml_files import read_yaml


def test_values_and_matrices_are_plain(tmp_path: Path) -> None:
    path = tmp_path / "file.yaml"
    path.write_text(
        "%YAML:1.0\n---\nK: !!opencv-matrix\n   rows: 1\n   cols: 2\n   dt: d\n   data: [ 1., -1e-3 ]\nname: a.b\n"
    )
    assert read_yaml(path, 1000) == {"K": {"rows": 1, "cols": 2, "dt": "d", "data": [1.0, -0.001]}, "name": "a.b"}
    path.write_text("a: 1e5\nb: -3\nc: .5\nd: 1.2.3\ne: true\nf: null\n")
    content = read_yaml(path, 1000)
    assert content == {"a": 1e5, "b": -3, "c": 0.5, "d": "1.2.3", "e": True, "f": None}
    assert type(content["b"]) is int


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: &x [1]\nb: *x\n", "it has aliases"),
        ("a: !!python/object/apply:os.system ['true']\n", "could not determine a constructor"),
        ("a: !unknown 1\n", "could not determine a constructor"),
        ("a: 1\na: 2\n", "the key 'a' is there twice"),
        ("? [1, 2]\n: 3\n", "is not a key"),
        ("a: 2026-13-45\n", "month must be in"),
        ("[" * 40 + "]" * 40, "too long or nested too deeply"),
        ("[" * 100_000, "too long or nested too deeply"),
        ("a: [" + "1, " * 60_000 + "1]", "too long or nested too deeply"),
        ("a: !!opencv-matrix 7\n", "'7' where keys and values were expected"),
        ("a: {b: 1", "is not YAML that can be read here"),
        ("- 1\n- 2\n", "is not YAML with keys and values"),
        ("", "is not YAML with keys and values"),
        ("a: 1\n" * 100_000, "larger than"),
    ],
)
def test_anything_else_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "file.yaml"
    path.write_text(text)
    with pytest.raises(EgotapError, match=message) as error:
        read_yaml(path, 300_000)
    assert str(path) in str(error.value)
    assert len(str(error.value)) < 600
