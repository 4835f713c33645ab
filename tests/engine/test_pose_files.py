"""Every format returns the poses that were written; no file is ever incomplete."""

from __future__ import annotations

import csv
import json
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest

from egotap_pl.core.errors import EgotapError
from egotap_pl.core.skeleton import egocap
from egotap_pl.engine.prediction.pose_files import WRITERS, PoseOrigin, pose_writer

ORIGIN = PoseOrigin(egocap(), "best.ckpt", "ab" * 32, "table1/egotap", "egocap", "1.2")
NAN = float("nan")


CONFIDENCE = np.random.default_rng(1).uniform(0, 1, (5, 17)).astype(np.float32)
CONFIDENCE[2, 4] = NAN


def write(path: Path) -> np.ndarray:
    pose_cm = np.random.default_rng(0).normal(0, 50, (5, 17, 3)).astype(np.float32)
    with pose_writer(path, ORIGIN, "a folder") as writer:
        writer.append(pose_cm[:3], [0, 1, 2], ["a", "b, 1", "c"], [NAN, NAN, NAN], CONFIDENCE[:3])
        writer.append(pose_cm[3:], [3, 4], ["d", ""], [0.12, 0.16], CONFIDENCE[3:])
    return pose_cm


@pytest.mark.parametrize("ending", [".h5", ".hdf5", ".npz"])
def test_arrays(ending, tmp_path):
    path = tmp_path / "new" / f"poses{ending}"
    pose_cm = write(path)
    if ending == ".npz":
        arrays = dict(np.load(path))
        head = json.loads(str(arrays["attributes"]))
    else:
        with h5py.File(path) as file:
            arrays = {name: file[name].asstr()[...] if name == "name" else file[name][...] for name in file}
            head = {
                key: value.tolist() if isinstance(value, np.ndarray) else value for key, value in file.attrs.items()
            }
    np.testing.assert_array_equal(arrays["pose_cm"], pose_cm)
    np.testing.assert_array_equal(arrays["confidence"], CONFIDENCE)
    assert arrays["frame"].tolist() == [0, 1, 2, 3, 4]
    assert arrays["name"].tolist() == ["a", "b, 1", "c", "d", ""]
    np.testing.assert_array_equal(arrays["time_s"], [NAN, NAN, NAN, 0.12, 0.16])
    assert head["joints"] == list(egocap().estimated_names)
    assert json.loads(head["skeleton"])["parents"] == list(egocap().parents)
    names = ("format", "version", "unit", "checkpoint", "experiment", "dataset", "egotap_version", "input")
    wanted = ["egotap-poses", 1, "cm", "best.ckpt", "table1/egotap", "egocap", "1.2", "a folder"]
    assert [head[key] for key in names] == wanted
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_csv(tmp_path):
    pose_cm = write(tmp_path / "poses.csv")
    with (tmp_path / "poses.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["name"] for row in rows] == ["a", "b, 1", "c", "d", ""]
    assert [row["time_s"] for row in rows] == ["", "", "", "0.120000", "0.160000"]
    last = egocap().estimated_names[-1]
    values = [[float(row[f"{last}_{axis}_cm"]) for axis in "xyz"] for row in rows]
    np.testing.assert_allclose(values, pose_cm[:, -1], atol=5.1e-5)
    peaks = [[row[f"{joint}_confidence"] for joint in egocap().estimated_names] for row in rows]
    assert [(frame, joint) for frame in range(5) for joint in range(17) if not peaks[frame][joint]] == [(2, 4)]
    np.testing.assert_allclose(np.array(peaks)[:2].astype(float), CONFIDENCE[:2], atol=5.1e-5)


@pytest.mark.parametrize("ending", [".h5", ".csv", ".npz"])
def test_expected_errors(ending, tmp_path):
    path, names = tmp_path / f"poses{ending}", egocap().estimated_names
    errors_cm = np.random.default_rng(2).uniform(1, 9, (5, 17)).astype(np.float32)
    with pose_writer(path, ORIGIN, "x") as writer:
        writer.append(np.zeros((5, 17, 3), np.float32), range(5), [""] * 5, [NAN] * 5, CONFIDENCE, errors_cm)
    if ending == ".csv":
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        written = np.array([[float(row[f"{name}_expected_error_cm"]) for name in names] for row in rows])
    elif ending == ".npz":
        written = np.load(path)["expected_error_cm"]
    else:
        with h5py.File(path) as file:
            written = file["expected_error_cm"][...]
    np.testing.assert_allclose(written, errors_cm, atol=5.1e-5)


def test_a_zip_names_the_estimated_joints(tmp_path):
    pose_cm = write(tmp_path / "poses.zip")
    with zipfile.ZipFile(tmp_path / "poses.zip") as file:
        content = json.loads(file.read("poses/json/frame_4.json"))
    assert tuple(content) == egocap().estimated_names
    np.testing.assert_allclose(list(content.values()), pose_cm[4], atol=1e-5)


@pytest.mark.parametrize("ending", WRITERS)
def test_an_error_leaves_what_was_there(ending, tmp_path):
    path = tmp_path / f"poses{ending}"
    path.write_bytes(b"earlier")

    def write_and_stop() -> None:
        with pose_writer(path, ORIGIN, "x") as writer:
            writer.append(np.zeros((1, 17, 3), np.float32), [0], [""], [NAN], CONFIDENCE[:1])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_and_stop()
    assert path.read_bytes() == b"earlier"
    assert list(tmp_path.iterdir()) == [path]


def test_another_ending_is_refused(tmp_path):
    with pytest.raises(EgotapError, match=r"ends in one of: \.h5"), pose_writer(tmp_path / "poses.xls", ORIGIN, "x"):
        pass
