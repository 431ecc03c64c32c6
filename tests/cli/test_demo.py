"""The demo: real workloads, and a comparison that can fail."""

import pytest
from typer.testing import CliRunner

from qiskit_cluster_provider.cli.app import app
from qiskit_cluster_provider.cli.workloads import Pubs, workloads
from tests.cli.test_cli import rows


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
        "quantum volume": ["3", "yes"],
        "GHZ": ["1", "yes"],
        "noisy": ["1", "yes"],
        "mid-circuit measurement": ["1", "yes"],
        "parameter matrix": ["2", "yes"],
        "SamplerV2": ["1", "yes"],
        "EstimatorV2": ["1", "yes"],
        "all": ["12", "8 of 8"],
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
    same, total = rows(done)["all"][1].split(" of ")
    assert int(same) < int(total)
    assert "Error: Clifford: results[0]." in done.stderr


@pytest.mark.parametrize("count", [1, 2, 7, 50, 203])
def test_the_workloads_are_as_many_as_asked_for(count):
    batch = workloads(count, seed=1)
    assert sum(workload.experiments for workload in batch) == count
    circuits = [c for w in batch for c in ((pub[0] for pub in w.pubs) if isinstance(w, Pubs) else w.circuits)]
    assert all(5 <= circuit.num_qubits <= 12 for circuit in circuits)
    if count >= 10:
        assert len(batch) == 8


def test_the_workloads_depend_on_the_seed_alone():
    def everything(seed):
        """What tells two workloads from each other; parameters are never equal to those of another vector."""
        for w in workloads(30, seed):
            if isinstance(w, Pubs):
                yield [pub[-1].tolist() for pub in w.pubs]
            elif w.parameter_binds:
                yield [list(bind.values()) for bind in w.parameter_binds]
            else:
                yield list(w.circuits)

    first, again, other = (list(everything(seed)) for seed in (1, 1, 2))
    assert first == again
    assert all(one != two for one, two in zip(first, other, strict=True))
