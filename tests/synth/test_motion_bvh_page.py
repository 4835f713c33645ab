"""The page about BVH files: its configuration reads a folder, its table of names is understood."""

from __future__ import annotations

import re
from pathlib import Path

import hydra
import pytest
from bvh_files import NAMINGS, bvh_text, figure_joints
from hydra.core.global_hydra import GlobalHydra

from egotap_pl.synth.motion import ProceduralMotions
from egotap_pl.synth.motion.retarget import OPTIONAL, REQUIRED

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "bvh.md").read_text(encoding="utf-8")


def test_the_configuration_reads_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clip = ProceduralMotions(1).clip("procedural/standing - forward/0000", 1)
    joints = figure_joints(clip.rotations.double().numpy(), clip.root_cm.double().numpy(), NAMINGS["smpl"].names(), "z")
    (tmp_path / "DIR").mkdir()
    for name in ("walk_1", "walk_2", "other"):
        (tmp_path / "DIR" / f"{name}.bvh").write_text(bvh_text(joints))
    (tmp_path / "data").mkdir()
    (block,) = re.findall(r"^```yaml\n(# @package.*?)^```", PAGE, re.M | re.S)
    (tmp_path / "data" / "my_motions.yaml").write_text(block, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    GlobalHydra.instance().clear()
    with hydra.initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        config = hydra.compose("prepare", ["data=my_motions", f"hydra.searchpath=[file://{tmp_path}]"])
    assert config.data.name == "my_motions"
    source = hydra.utils.instantiate(config.data.source)
    bvh = source.motions[1]
    assert {name: bvh.category(name) for name in bvh.motions()} == {
        "bvh/other": "standing - whole body",
        "bvh/walk_1": "standing - forward",
        "bvh/walk_2": "standing - forward",
    }
    assert bvh.clip("bvh/walk_1", 0).root_cm[:, 1].min() > 70, "it stands"
    assert {take.motion for take in source.plan("train")} & set(bvh.motions())


def test_the_examples_of_names_are_those_that_tests_read() -> None:
    names = {name for naming in NAMINGS.values() for name in naming.names().values()}
    rows = re.findall(r"^\| [^|]+ \| (.*) \|$", PAGE, re.M)[1:]
    examples = {name for row in rows for name in re.findall("`([^`]+)`", row)}
    assert len(examples) > 40
    assert examples <= names


def test_the_keys_of_the_table_are_all_named() -> None:
    text = " ".join(re.findall(r"^The keys are (.*?)^\n", PAGE, re.M | re.S))
    parts = {joint.removesuffix("_l").removesuffix("_r") for joint in REQUIRED}
    assert parts | set(OPTIONAL) <= set(re.findall(r"`([a-z_]+)`", text))
