"""The notebooks run on the embedded cloud, and are stored without outputs."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from ops.embedded.lifecycle import RunningCloud

NOTEBOOKS = sorted(Path("notebooks").glob("*.ipynb"))


def test_there_are_three() -> None:
    assert len(NOTEBOOKS) >= 3


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
@pytest.mark.filterwarnings("ignore::DeprecationWarning:zmq", "ignore::DeprecationWarning:jupyter_client")
def test_it_runs_from_top_to_bottom(
    path: Path, embedded: RunningCloud, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLIPWAY_DATA", str(data))
    monkeypatch.setenv("PYTHONPATH", str(Path.cwd()))
    notebook = nbformat.reads(path.read_text(), as_version=4)  # type: ignore[no-untyped-call]
    assert not any(cell.get("outputs") for cell in notebook.cells)
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(Path.cwd())}}).execute()
    outputs = [cell.outputs for cell in notebook.cells if cell.cell_type == "code"]
    assert outputs[-1]
    charts = [output for cell in outputs for output in cell if "vegaEmbed" in str(output.get("data", ""))]
    assert len(charts) >= 2, "no plots"
