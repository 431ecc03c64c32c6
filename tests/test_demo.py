"""The demo: real workloads, and a comparison that can fail."""

import pytest
from typer.testing import CliRunner

from qiskit_cluster_provider.cli import app
from qiskit_cluster_provider.demo import workloads

from .test_cli import rows


@pytest.fixture
def invoke(monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    return lambda *arguments: CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_demo(invoke):
    done = invoke("demo", "--circuits", 12, "--shots", 50, "--workers", 2)
    assert done.exit_code == 0, done.output
    assert all(line.startswith("experiments") for line in done.stderr.splitlines()), "the progress bars alone"
    table = rows(done)
    assert {name: cells[:2] for name, cells in table.items()} == {
        "Clifford": ["2", "yes"],
        "quantum volume": ["4", "yes"],
        "GHZ": ["1", "yes"],
        "noisy": ["1", "yes"],
        "mid-circuit measurement": ["2", "yes"],
        "parameter matrix": ["2", "yes"],
        "all": ["12", "6 of 6"],
    }
    for cluster, local, ratio in (map(float, cells[2:]) for cells in table.values()):
        assert cluster > 0
        # The ratio is of unrounded seconds.
        assert abs(ratio * cluster - local) <= 0.005 * (1 + ratio) + 0.005 * (cluster + 1)
    assert "Warm-up run: " in done.stdout
    assert "AerSimulator(max_parallel_threads=1)" in done.stdout.replace("\n", " ")


def test_demo_notices_what_is_not_identical(invoke, monkeypatch):
    """Shots with seeds of their own: a real answer of the cluster that is not Aer's."""
    monkeypatch.setenv("QISKIT_CLUSTER_SEED_MODE", "independent")
    monkeypatch.setenv("QISKIT_CLUSTER_MAX_SHOT_SIZE", "20")
    done = invoke("demo", "--circuits", 5, "--shots", 50, "--workers", 1)
    assert done.exit_code == 1
    assert rows(done)["Clifford"][1] == "no"
    assert rows(done)["all"][1] == "0 of 5"
    assert "Error: Clifford: results[0]." in done.stderr


@pytest.mark.parametrize("count", [1, 2, 7, 50, 203])
def test_the_workloads_are_as_many_as_asked_for(count):
    batch = workloads(count, seed=1)
    assert sum(workload.experiments for workload in batch) == count
    assert all(5 <= circuit.num_qubits <= 12 for workload in batch for circuit in workload.circuits)
    if count >= 10:
        assert len(batch) == 6


def test_the_workloads_depend_on_the_seed_alone():
    def everything(seed):
        return [
            (list(w.circuits), [list(bind.values()) for bind in w.parameter_binds or []]) for w in workloads(30, seed)
        ]

    first, again, other = everything(1), everything(1), everything(2)
    same = [one[0] == two[0] or one[1] == two[1] != [] for one, two in zip(first, again, strict=True)]
    assert same == [True] * 6
    different = [(one[0], one[1]) != (two[0], two[1]) for one, two in zip(first, other, strict=True)]
    assert different == [True] * 6
