"""The text of BVH files: what real files contain is read alike, what is damaged ends quickly with a message."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from bvh_files import NAMINGS, bvh_text, figure_joints
from memory import run_within

from egotap_pl.core.errors import EgotapError
from egotap_pl.core.limits import BVH_JOINTS
from egotap_pl.synth.motion import ProceduralMotions
from egotap_pl.synth.motion.bvh import read_bvh
from egotap_pl.synth.motion.bvh.text import BvhText, read_text

CLIP = ProceduralMotions(1).clip("procedural/boxing/0000", 1)
TEXT = bvh_text(
    figure_joints(
        CLIP.rotations[:4].double().numpy(), CLIP.root_cm[:4].double().numpy(), NAMINGS["lafan1"].names(), unit=0.01
    )
)
HEAD, MOTION, NUMBERS = TEXT.partition("MOTION\n")
HEADER, ROWS = "".join(NUMBERS.splitlines(True)[:2]), NUMBERS.splitlines(True)[2:]
TINY = """HIERARCHY
ROOT a
{
OFFSET 0 0 0
CHANNELS 1 Xrotation
}
MOTION
Frames: 2
Frame Time: 0.1
"""


def read(folder: Path, text: str | bytes) -> BvhText:
    path = folder / "motion.bvh"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_text(path)


def wrapped(row: str) -> str:
    """A frame over four lines."""
    words = row.split()
    return "".join(" ".join(words[i : i + 25]) + "\n" for i in range(0, len(words), 25))


@pytest.mark.parametrize(
    "text",
    [
        TEXT.replace("\n", "\r\n"),
        TEXT.replace("\n", "\r"),
        "\ufeff" + TEXT,
        TEXT.replace(" ", "\t"),
        TEXT.replace("\n", " \n\n"),
        TEXT.rstrip("\n"),
        HEAD + MOTION + HEADER + "".join(map(wrapped, ROWS)),
        " ".join(HEAD.split()) + "\n" + MOTION + NUMBERS,
        HEAD.replace("\n", " ").replace("CHANNELS", "\nCHANNELS\n").replace("End Site", "END SITE")
        + "\nmotion\n"
        + NUMBERS,
        TEXT.replace("Frames: 4", "frames :\t4").replace("Frame Time:", "Frame time:"),
        TEXT + ROWS[0] + "and whatever else\n",
        TEXT.replace("Zrotation", "ZROTATION").replace("Xposition", "xposition"),
    ],
    ids=[
        *("Windows", "old Mac", "byte-order mark", "tabs", "empty lines", "no last line end", "frames over lines"),
        *("hierarchy on one line", "words over lines", "header", "more than announced", "case of channels"),
    ],
)
def test_the_same_content_is_read_alike(tmp_path: Path, text: str) -> None:
    expected, actual = read(tmp_path, TEXT), read(tmp_path, text)
    assert actual.joints == expected.joints
    assert actual.frame_seconds == expected.frame_seconds == pytest.approx(1 / 30, abs=1e-6)
    np.testing.assert_array_equal(actual.values, expected.values)


def test_the_numbers_are_those_of_the_rows(tmp_path: Path) -> None:
    np.testing.assert_array_equal(read(tmp_path, TEXT).values, np.loadtxt(ROWS))
    assert read(tmp_path, TINY + "1e1\n-2.5E-1\n").values.tolist() == [[10.0], [-0.25]]


@pytest.mark.parametrize("name", ["MOTION", "MOTION_Hand", "Bip01 L Hand", "JOINT", "End Site", "Frames: 3", "手.001"])
def test_a_joint_may_have_any_name(tmp_path: Path, name: str) -> None:
    bvh = read(tmp_path, TEXT.replace("LeftHandEnd", name))
    assert [joint.name for joint in bvh.joints].count(name) == 1
    np.testing.assert_array_equal(bvh.values, read(tmp_path, TEXT).values)
    assert read(tmp_path, TINY.replace("ROOT a\n{", f"ROOT  {name} {{") + "1\n2\n").joints[0].name == name


def test_the_hierarchy_is_that_of_the_braces(tmp_path: Path) -> None:
    text = """HIERARCHY ROOT a { OFFSET 0 1 0 CHANNELS 2 Yrotation Zposition
        JOINT b { CHANNELS 0 OFFSET 1 0 0 End Site { OFFSET 0 0 2 } }
        JOINT c { OFFSET -1e0 0 0 }}
        MOTION
        Frames: 2
        Frame Time: 0.5
        1 2
        3 4"""
    root, b, c = read(tmp_path, text).joints
    assert (root.name, root.parent, root.offset, root.channels) == ("a", -1, (0, 1, 0), ("Yrotation", "Zposition"))
    assert (b.name, b.parent, b.offset, b.channels, b.tip) == ("b", 0, (1, 0, 0), (), (0, 0, 2))
    assert (c.name, c.parent, c.offset, c.tip) == ("c", 0, (-1, 0, 0), None)


@pytest.mark.timeout(60)
def test_a_file_that_is_cut_off_anywhere_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "motion.bvh"
    last_number = TEXT.rindex(" ") + 2
    for end in range(0, len(TEXT), 13):
        path.write_text(TEXT[:end])
        if end < last_number:
            with pytest.raises(EgotapError, match=r"motion\.bvh"):
                read_bvh(path)
        else:
            assert len(read_bvh(path)[0]) == 4


@pytest.mark.timeout(60)
def test_a_damaged_file_is_read_or_refused(tmp_path: Path) -> None:
    rng, path, refused, read_whole = np.random.default_rng(0), tmp_path / "motion.bvh", 0, 0
    content = np.frombuffer(TEXT.encode(), np.uint8)
    for _ in range(300):
        damaged = content.copy()
        damaged[rng.integers(0, len(content))] = rng.integers(0, 256)
        start, length = rng.integers(0, len(content)), rng.integers(0, 4)
        path.write_bytes(np.delete(damaged, slice(start, start + length)).tobytes())
        try:
            read_bvh(path)
        except EgotapError as error:
            refused += "motion.bvh" in str(error)
        else:
            read_whole += 1
    assert refused + read_whole == 300
    assert refused > 0 < read_whole  # both happen


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (TEXT.encode("utf-16"), "not a BVH file: expected HIERARCHY"),
        (b"\x00" * 100, "not a BVH file"),
        (TINY.replace("CHANNELS 1 Xrotation", "") + "1\n2\n", "no joint has CHANNELS"),
        (TINY.replace("ROOT a", "ROOT"), "a name of 1 to 200 characters"),
        (TINY.replace("ROOT a", f"ROOT a {{ OFFSET 0 0 0 {'JOINT b { OFFSET 0 0 0 ' * BVH_JOINTS}"), "more than 1024"),
        (
            TINY.replace("Frames: 2\nFrame Time: 0.1", "Frames: 4000001\nFrame Time: 0.0002"),
            "1 joints are too many; cut",
        ),
        (TINY.replace("Frames: 2", "Frames: 36001"), "line 9: 36001 frames of 0.1 s take more than 3600 s; cut"),
        (TINY + "1 2\n", "line 10: frame 0 has 2 numbers, but the skeleton has 1 channels"),
        (TINY + "1\n", "line 10: the file ends after 1 of 2 frames"),
        (TINY + "0x1\n2\n", "line 10: '0x1' is not a number"),
        ("HIERARCHY" + " " * 1_000_001 + "ROOT", "line 1: longer than 1000000 characters"),
    ],
)
def test_an_error_says_what_is_wrong(tmp_path: Path, text: str | bytes, message: str) -> None:
    with pytest.raises(EgotapError, match=rf"(?s)motion\.bvh.*{message}"):
        read(tmp_path, text)


@pytest.mark.parametrize(
    "text",
    [
        TINY.replace("Frames: 2\nFrame Time: 0.1", "Frames: 4000000\nFrame Time: 0.0002") + "1\n",
        TINY + "1 " * 1_000_000,
        TINY + "1" * 1_000_000,
        "HIERARCHY\n" + "ROOT a {\n" * 100_000,
        "HIERARCHY\n" * 300_000,
    ],
    ids=["announced frames", "long row", "long number", "nested joints", "words"],
)
def test_a_hostile_file_takes_little_memory(tmp_path: Path, text: str) -> None:
    path = tmp_path / "motion.bvh"
    path.write_text(text)
    with pytest.raises(EgotapError, match=r"motion\.bvh"):
        run_within(64, read_text, path)
