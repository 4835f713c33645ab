"""Run folders are found again, and are never without their run.json."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from egotap_pl.engine.runs.folders import find_or_make_run


@pytest.mark.parametrize(
    "damaged", ["", "{", "[]", "{}", "null", '"fingerprint"', "[" * 100_000, "\0", b"\xff\xfe", None]
)
def test_a_damaged_file_is_named_and_the_other_runs_are_found(
    damaged: str | bytes | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = [find_or_make_run(tmp_path, name, name) for name in ("a", "b", "c")]
    path = tmp_path / "b" / "run.json"
    path.unlink()
    if damaged is None:
        path.mkdir()
    else:
        path.write_bytes(damaged if isinstance(damaged, bytes) else damaged.encode())
    assert [find_or_make_run(tmp_path, "again", name) for name in ("a", "c")] == [runs[0], runs[2]]
    assert f"{path} cannot be read" in capsys.readouterr().err.replace("\n", "")
    new = find_or_make_run(tmp_path, "b", "b")
    assert new == tmp_path / "b-2"
    assert path.exists()


def test_a_process_killed_while_it_makes_a_folder_leaves_the_name_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def kill(*_: object, **__: object) -> None:
        raise Killed

    for write in ("egotap_pl.engine.runs.folders.write_json", "egotap_pl.engine.runs.folders.Path.replace"):
        with monkeypatch.context() as patched:
            patched.setattr(write, kill)
            with pytest.raises(Killed):
                find_or_make_run(tmp_path, "name", "0")
    folder = find_or_make_run(tmp_path, "name", "0")
    assert folder == tmp_path / "name"
    assert [path.name for path in tmp_path.iterdir()] == ["name"]
    assert json.loads((folder / "run.json").read_text())["fingerprint"] == "0"
    assert find_or_make_run(tmp_path, "name", "0") == folder


def test_a_name_is_taken_by_any_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty").mkdir()  # as earlier versions left it
    (tmp_path / "unfinished").mkdir()
    (tmp_path / "unfinished" / ".run.json.9.unfinished").touch()
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "notes.txt").write_text("mine")
    (tmp_path / "file").write_text("mine")
    names = [find_or_make_run(tmp_path, name, name).name for name in ("empty", "unfinished", "notes", "file")]
    assert names == ["empty", "unfinished", "notes-2", "file-2"]
    said = " ".join(capsys.readouterr().err.split())
    assert said.count("is taken, by a run with other settings for example; this one is") == 2
    assert (tmp_path / "notes" / "notes.txt").read_text() == (tmp_path / "file").read_text() == "mine"
