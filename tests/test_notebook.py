"""The notebook runs from its first cell to its last, in a kernel of its own, and is kept without outputs."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NOTEBOOK = ROOT / "examples" / "notebook" / "simulated.ipynb"

nbformat = pytest.importorskip("nbformat", reason="nbformat is not installed")
nbclient = pytest.importorskip("nbclient", reason="nbclient is not installed")
pytest.importorskip("ipykernel", reason="ipykernel is not installed")


def test_the_notebook_is_kept_without_outputs():
    cells = nbformat.read(NOTEBOOK, as_version=4).cells
    code = [cell for cell in cells if cell.cell_type == "code"]
    assert len(code) > 5
    assert not any(cell.outputs or cell.execution_count for cell in code)


def test_the_notebook_runs_and_learns(tmp_path, monkeypatch):
    for name, value in {"PYTHONPATH": ROOT, "OMP_NUM_THREADS": 1, "IPYTHONDIR": tmp_path / "ipython"}.items():
        monkeypatch.setenv(name, str(value))
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    check = "print(sorted(gain.nlargest(2).index), evaluation.tfs.groupby('tf')['auroc'].min()['SimCTCF'] > 0.9)"
    notebook.cells.append(nbformat.v4.new_code_cell(check))
    nbclient.NotebookClient(notebook, timeout=900, resources={"metadata": {"path": str(tmp_path)}}).execute()
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    assert sum("image/png" in output.get("data", {}) for output in outputs) == 2
    assert outputs[-1]["text"] == "['SimCTCF', 'SimRAD21'] True\n"
