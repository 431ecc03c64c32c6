"""The progress bar, where people see it."""

import nbformat
import pytest
from nbclient import NotebookClient

from tests.slow import quick

CELL = """
from qiskit import QuantumCircuit
from qiskit_cluster_provider import ClusterProvider
good, bad = QuantumCircuit(1, 1), QuantumCircuit(1, 1)
bad.t(0)
bad.measure(0, 0)
with ClusterProvider() as provider:
    backend = provider.get_backend("aer-local", workers=1)
    job = backend.run([good] * 40 + [bad], shots=10, method="stabilizer", progress=True)
    job.result()
"""


@pytest.mark.slow
def test_in_a_notebook():
    """One bar, drawn anew in its place, with nothing but a kernel installed."""
    cells = [nbformat.v4.new_code_cell(source) for source in (CELL, "backend", "job")]
    notebook = nbformat.v4.new_notebook(cells=cells)
    NotebookClient(notebook, timeout=100, kernel_name="python3").execute()
    bar, *others = [o for o in notebook.cells[0].outputs if o.output_type == "display_data"]
    assert others == []
    assert "value='41'" in bar.data["text/html"]
    assert "41/41 experiments, <b>1 failed</b>" in bar.data["text/html"]
    assert "ClusterBackend" in notebook.cells[1].outputs[0].data["text/html"]
    assert "<progress" in notebook.cells[2].outputs[0].data["text/html"]


def test_in_a_terminal(backend, capsys):
    bad = quick()
    bad.t(0)
    bad.measure(0, 0)
    backend.run([quick(), bad], method="stabilizer", max_job_size=1, progress=True).result()
    shown = capsys.readouterr()
    assert shown.out == "", "the output of a program is its own"
    assert "2/2" in shown.err
    assert "1 failed" in shown.err


def test_many_bars_at_once(backend):
    jobs = [backend.run([quick()] * 5, progress=True) for _ in range(5)]
    assert all(job.result(timeout=60).success for job in jobs)
