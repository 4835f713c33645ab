"""Notebooks run from their first cell to their last, in an empty folder, at the size that only shows that they do."""

from __future__ import annotations

import json
from pathlib import Path

import nbformat
import pytest
from command_server import quick_python
from nbclient import NotebookClient

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_cell_runs(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EGOTAP_SCALE", "smoke")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / ".ipython"))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    notebook = nbformat.read(path, as_version=4)
    kernel = tmp_path / "jupyter" / "kernels" / "quick" / "kernel.json"
    kernel.parent.mkdir(parents=True)
    with quick_python() as python:  # their commands begin with {sys.executable}
        argv = [str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        kernel.write_text(json.dumps({"argv": argv, "display_name": "quick", "language": "python"}))
        notebook.cells.insert(0, nbformat.v4.new_code_cell(f"import sys; sys.executable = {str(python)!r}"))
        where = {"metadata": {"path": str(tmp_path)}}
        NotebookClient(notebook, timeout=400, kernel_name="quick", resources=where).execute()
    printed = [output.get("text", "") for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    # A command that fails in a cell of its own does not stop a notebook.
    assert not [text for text in printed if "egotap: " in text or "Traceback" in text]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_is_committed_with_its_pictures_and_stays_small(path: Path) -> None:
    cells = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    assert all(cell.execution_count for cell in cells), "run it: make notebooks"
    assert path.stat().st_size < 3_000_000
