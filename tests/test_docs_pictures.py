"""The pictures of the page of concepts: each is on it, and shows what today's code computes."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import matplotlib
import numpy as np
import pytest
from PIL import Image

DOCS = Path(__file__).parents[1] / "docs"
KEPT = DOCS / "images" / "concepts"
LARGEST_BYTES = 150_000


@pytest.fixture(scope="module")
def pictures() -> Iterator[ModuleType]:
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.syspath_prepend(str(DOCS))
        yield importlib.import_module("pictures")


def test_the_page_shows_every_picture(pictures: ModuleType) -> None:
    page = (DOCS / "concepts.md").read_text(encoding="utf-8")
    for name in pictures.FIGURES:
        assert f"](images/concepts/{name}.png)" in page
    assert {path.stem for path in KEPT.iterdir()} == pictures.FIGURES.keys()
    assert all(path.stat().st_size < LARGEST_BYTES for path in KEPT.iterdir())


@pytest.mark.skipif(
    tuple(map(int, matplotlib.__version__.split(".")[:2])) < (3, 11),
    reason="matplotlib before 3.11 has higher lines of text",
)
def test_the_kept_pictures_are_those_of_the_script(pictures: ModuleType, tmp_path: Path) -> None:
    pictures.write(tmp_path)
    for path in sorted(tmp_path.iterdir()):
        with Image.open(path) as drawn, Image.open(KEPT / path.name) as kept:
            assert drawn.size == kept.size
            small = [np.asarray(image.convert("L").resize((60, 24), Image.Resampling.BOX)) for image in (drawn, kept)]
        difference = np.abs(small[0].astype(float) - small[1].astype(float))
        assert np.mean(difference) < 2, f"{path.name} shows something else now: make pictures"  # fonts may differ
