"""The pages on data: their YAML works as it is copied, and the identity of their reader covers what it reads."""

from __future__ import annotations

import runpy
from pathlib import Path

import hydra
import numpy as np
import pytest
from documented import BLOCK, PAGES, ROOT, write_named_files
from hydra.core.global_hydra import GlobalHydra


def write_motion(folder: Path, value: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    np.savez(folder / "walk.npz", images=np.full((1, 2, 3, 8, 8), value, np.uint8), pose_cm=np.zeros((1, 16, 3)))


def test_other_frames_under_the_same_name_are_another_data_set(tmp_path: Path) -> None:
    reader = next(path for path in write_named_files("data", tmp_path) if path.suffix == ".py")
    source = runpy.run_path(str(reader))["NpzMotions"](tmp_path / "recorded", 8)
    identities = []
    for value in (1, 2, 1):
        write_motion(tmp_path / "recorded" / "train", value)
        identities.append(source.identity())
    assert identities[0] == identities[2] != identities[1]


@pytest.mark.parametrize(("page", "name"), [("data", "npz"), ("own-data", "json")])
def test_the_data_are_configured_as_copied(tmp_path: Path, page: str, name: str) -> None:
    write_named_files(page, tmp_path)
    GlobalHydra.instance().clear()
    with hydra.initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        words = [f"data={name}", "data.root=recorded", "scale=smoke"]
        config = hydra.compose("train", [f"hydra.searchpath=[file://{tmp_path / 'my_conf'}]", *words])
    assert (config.data.name, config.data.source.root) == (name, "recorded")


def test_hydras_headers_come_first() -> None:
    """Hydra does not read a header below a comment."""
    blocks = [block["code"] for page in PAGES for block in BLOCK.finditer(page.read_text(encoding="utf-8"))]
    headed = [block for block in blocks if "# @package" in block]
    assert headed
    assert all(block.startswith("# @package") for block in headed)
