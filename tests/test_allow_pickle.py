"""``allow_pickle=False``: a run sends data, or is refused by name; and a worker that unpickles nothing."""

import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Delay, Gate
from qiskit.circuit.library import XGate
from qiskit_aer.noise import NoiseModel, depolarizing_error
from qiskit_aer.noise.passes import LocalNoisePass

from qiskit_cluster_provider import ClusterProvider, SamplerV2
from qiskit_cluster_provider.errors import ClusterConfigError, PickleRefusedError, SlicesLostError
from qiskit_cluster_provider.options import SliceOptions
from qiskit_cluster_provider.plan import pickles

from .slow import quick


class Mine(Gate):
    """A gate that a user calls by a name of Aer's."""

    def __init__(self):
        super().__init__("x", 1, [])


def with_mine(name="mine"):
    circuit = QuantumCircuit(1, 1, name=name)
    circuit.append(Mine(), [0])
    circuit.measure(0, 0)
    return circuit


def after(op, qubits):
    return XGate()


def noise(*passes):
    model = NoiseModel()
    model.add_all_qubit_quantum_error(depolarizing_error(0.1, 1), "h")
    model._custom_noise_passes += passes
    return model


def test_data_is_sent_and_the_answer_is_the_same(backend, aer, same):
    options = {"noise_model": noise(), "shots": 100, "seed_simulator": 3, "memory": True}
    same(backend.run(quick(), allow_pickle=False, **options).result(), aer.run(quick(), **options).result())


def test_a_circuit_is_refused_by_name_and_index(backend):
    with pytest.raises(PickleRefusedError, match=r"circuit 'mine' \(index 1\) would have to be pickled") as refusal:
        backend.run([quick(), with_mine()], allow_pickle=False)
    assert (refusal.value.circuit, refusal.value.index) == ("mine", 1)
    assert backend.run([quick(), with_mine()]).result().success


def test_a_pub_is_refused_by_its_index(backend):
    backend = backend.with_options({"allow_pickle": False})
    with pytest.raises(PickleRefusedError, match=r"PUB 1 \(circuit 'mine'\) would have to be pickled") as refusal:
        SamplerV2(backend).run([quick(), with_mine()])
    assert refusal.value.index == 1


def test_a_noise_model_is_refused_by_its_pass(backend):
    model = noise(LocalNoisePass(after, op_types=Delay))
    with pytest.raises(PickleRefusedError, match="its pass 0, a LocalNoisePass, calls the function after"):
        backend.run(quick(), noise_model=model, allow_pickle=False)
    assert backend.run(quick(), noise_model=model).result().success


def test_explain_says_what_is_pickled(backend):
    model = noise(LocalNoisePass(after, op_types=Delay))
    circuits = [quick(), *(with_mine(f"mine{i}") for i in range(4))]
    explained = backend.explain(circuits, noise_model=model, placement="cluster")
    assert list(explained.pickled) == [*(f"circuit 'mine{i}' (index {i + 1})" for i in range(4)), "the noise model"]
    assert explained.pickled["the noise model"] == "its pass 0, a LocalNoisePass, calls the function after"
    assert "circuit 'mine2' (index 3): " in str(explained)
    assert "and 2 more" in str(explained)
    nothing = backend.explain(quick(), noise_model=noise(), placement="cluster")
    assert nothing.pickled == {}
    assert "nothing" in str(nothing)


def test_it_is_a_setting_of_a_profile_and_of_the_environment(tmp_path, monkeypatch):
    file = tmp_path / "cluster.toml"
    file.write_text('[profiles.strict]\nkind = "aer-local"\nallow_pickle = false\n')
    with ClusterProvider(profiles=file) as provider:
        with pytest.raises(PickleRefusedError):
            provider.get_backend("strict").run(with_mine())
        assert provider.get_backend("aer-local").options.allow_pickle is True
        monkeypatch.setenv("QISKIT_CLUSTER_ALLOW_PICKLE", "no")
        assert provider.get_backend("aer-local").options.allow_pickle is False
        monkeypatch.setenv("QISKIT_CLUSTER_ALLOW_PICKLE", "perhaps")
        with pytest.raises(ClusterConfigError, match="QISKIT_CLUSTER_ALLOW_PICKLE='perhaps' is not a value"):
            provider.get_backend("aer-local")


def test_it_is_yes_or_no():
    with pytest.raises(ClusterConfigError, match="allow_pickle must be True or False, not 0"):
        SliceOptions(allow_pickle=0)


@pytest.mark.parametrize("value", ["0", "off", "False", "perhaps", ""])
def test_a_worker_that_unpickles_nothing(monkeypatch, tmp_path, value):
    """Its own environment says so; a client that allows pickles cannot change that."""
    monkeypatch.setenv(pickles.VARIABLE, value)
    with pytest.raises(PickleRefusedError, match="this worker unpickles nothing"):
        pickles.loads(pickle.dumps(noise()), "the noise model")
    monkeypatch.setenv(pickles.VARIABLE, "1")
    assert pickles.loads(pickle.dumps(5), "a number") == 5


@pytest.mark.slow
def test_a_client_is_told_what_such_a_worker_refuses(monkeypatch):
    monkeypatch.setenv(pickles.VARIABLE, "0")
    options = {"allow_pickle": True, "placement": "cluster", "shots": 10}
    model = noise(LocalNoisePass(after, op_types=Delay))
    with ClusterProvider() as provider:  # whose workers are new processes, with this environment
        backend = provider.get_backend("aer-local", workers=1, processes=True)
        refused = "came in a pickle, and this worker unpickles nothing"
        with pytest.raises(SlicesLostError, match=f"the noise model {refused}"):
            backend.run(quick(), noise_model=model, **options).result(timeout=60)
        mixed = backend.run([quick(), with_mine()], **options).result(timeout=60)
        assert [one.success for one in mixed.results] == [True, False], "a circuit that is refused fails alone"
        assert refused in mixed.results[1].status
        assert backend.run(quick(), noise_model=noise(), **options).result().success


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_nothing_of_the_parity_suite_needs_a_pickle():
    """Neither its clients nor its workers allow one."""
    command = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "not slow", "tests/parity")
    root = Path(__file__).parent.parent
    environment = os.environ | {pickles.VARIABLE: "0"}
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, timeout=800)
    assert done.returncode == 0, done.stdout
