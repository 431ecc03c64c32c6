"""A ClusterBackend stands in for an AerSimulator: target, options, run, errors and warnings."""

import copy
import inspect
import json
import pickle
import warnings

import numpy as np
import pytest
from qiskit import generate_preset_pass_manager, transpile
from qiskit.circuit import QuantumCircuit
from qiskit.circuit.library import quantum_volume
from qiskit.exceptions import QiskitError
from qiskit.providers import BackendV2
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel, ReadoutError, depolarizing_error
from qiskit_ibm_runtime.fake_provider import FakeManilaV2

from qiskit_cluster_provider import ClusterBackend
from qiskit_cluster_provider.errors import (
    ClusterConfigError,
    ClusterConnectionError,
    InvalidCircuitError,
    UnknownOptionError,
)

from .slow import quick


def test_target_and_transpile_as_aers(backend):
    assert isinstance(backend, BackendV2)
    aer = AerSimulator()
    assert backend.target.operation_names == aer.target.operation_names
    assert backend.num_qubits == aer.num_qubits
    assert backend.max_circuits == aer.max_circuits
    assert backend.available_methods() == aer.available_methods()
    circuit = quantum_volume(4, 3, seed=1)
    circuit.measure_all()
    for transpiled in (
        transpile(circuit, backend, seed_transpiler=1),
        generate_preset_pass_manager(2, backend=backend, seed_transpiler=1).run(circuit),
    ):
        assert backend.run(transpiled, shots=10).result().success


def test_options_start_as_aers_and_ours(backend):
    ours, aers = backend.options, AerSimulator().options
    assert {k: getattr(ours, k) for k in aers.__dict__} == dict(aers.__dict__)
    assert ours.retries == 3
    assert ours.seed_mode == "aer"


def test_set_options_changes_target_and_answer(backend, aer, same):
    noise_model = NoiseModel(basis_gates=["rx", "cx"])
    noise_model.add_all_qubit_quantum_error(depolarizing_error(0.2, 2), ["cx"])
    for one in (backend, aer):
        one.set_options(method="density_matrix", noise_model=noise_model, shots=77, seed_simulator=5)
    assert backend.target.operation_names == aer.target.operation_names
    batch = [quick()] * 3
    same(backend.run(batch).result(), aer.run(batch).result())
    same(backend.run(batch, noise_model=None).result(), aer.run(batch, noise_model=None).result())
    backend.set_option("shots", None)
    assert backend.options.shots == 1024
    backend.clear_options()
    assert backend.options.method == "automatic"
    assert backend.options.noise_model is None


def test_constructor_options_as_aers(provider):
    theirs = AerSimulator(basis_gates=["h", "cx"], coupling_map=[[0, 1], [1, 2]], method="statevector")
    ours = provider.get_backend(
        "aer-local", workers=2, basis_gates=["h", "cx"], coupling_map=[[0, 1], [1, 2]], method="statevector"
    )
    assert ours.target.operation_names == theirs.target.operation_names
    circuit = QuantumCircuit(3)
    circuit.h(0)
    circuit.cx(0, 2)
    assert transpile(circuit, ours, seed_transpiler=1) == transpile(circuit, theirs, seed_transpiler=1)


@pytest.mark.parametrize("how", ["provider", "classmethod"])
def test_from_backend(provider, same, how):
    device = FakeManilaV2()
    theirs = AerSimulator.from_backend(device, max_parallel_threads=1)
    if how == "provider":
        ours = provider.get_backend("aer-local", workers=2, from_backend=device)
    else:
        ours = ClusterBackend.from_backend(device, workers=1, shots=200)
        assert ours.options.shots == 200
    assert ours.target is theirs.target or ours.target.qargs == theirs.target.qargs
    assert ours.num_qubits == 5
    assert ours.options.noise_model == theirs.options.noise_model
    assert ours.max_circuits == theirs.max_circuits
    circuit = quantum_volume(3, 2, seed=1)
    circuit.measure_all()
    isa = transpile([circuit] * 4, ours, seed_transpiler=1)
    options = {"shots": 200, "seed_simulator": 1, "memory": True}
    same(ours.run(isa, max_job_size=2, **options).result(), theirs.run(isa, **options).result())
    if how == "classmethod":
        ours.close()


def test_from_backend_accepts_the_devices_gates_only(provider):
    """As Aer's does: a gate that the device lacks is an unknown instruction."""
    ours = provider.get_backend("aer-local", workers=2, from_backend=FakeManilaV2())
    with pytest.raises(InvalidCircuitError, match=r"'has h'.*'h', which the simulated device does not have"):
        ours.run([quick("has h")], shots=5)
    with pytest.raises(QiskitError, match="unknown instruction"):
        AerSimulator.from_backend(FakeManilaV2()).run(quick()).result()


@pytest.mark.parametrize("how", ["provider", "classmethod"])
def test_from_backend_of_a_simulator_without_a_device(provider, backend, same, how):
    """Aer's own fails on it ('NoneType' object has no attribute 'get_edges')."""
    noise = NoiseModel()
    noise.add_all_qubit_quantum_error(depolarizing_error(0.1, 1), ["h"])
    theirs = AerSimulator(method="density_matrix", noise_model=noise)
    backend.set_options(shots=33)
    for device in (theirs, backend):
        if how == "provider":
            ours = provider.get_backend("aer-local", workers=2, from_backend=device)
        else:
            ours = ClusterBackend.from_backend(device, connection=backend.connection)
        assert (ours.options.method, ours.options.shots) == (device.options.method, device.options.shots)
        assert ours.options.noise_model is device.options.noise_model
        options = {"shots": 50, "seed_simulator": 1}
        same(ours.run(quick(), **options).result(), device.run(quick(), **options).result())
        ours.set_options(shots=7, method="statevector")
        assert (device.options.shots, device.options.method) != (7, "statevector"), "it keeps its own"
    assert provider.get_backend("aer-local", from_backend=theirs, noise_model=None).options.noise_model is None
    assert theirs.options.noise_model is noise


def test_from_backend_refuses_what_aer_cannot_simulate(provider):
    class AllToAll(GenericBackendV2):
        coupling_map = None

    with pytest.raises(ClusterConfigError, match=r"which has no coupling map. Leave it out, and give its noise"):
        provider.get_backend("aer-local", from_backend=AllToAll(2))
    with pytest.raises(TypeError, match="from_backend needs a BackendV2, not str"):
        provider.get_backend("aer-local", from_backend="fake_manila")


def test_from_backend_without_noise(provider):
    ideal = provider.get_backend("aer-local", workers=2, from_backend=FakeManilaV2(), noise_model=None)
    assert ideal.options.noise_model is None


def test_run_takes_what_aers_takes(backend):
    assert list(inspect.signature(backend.run).parameters) == list(inspect.signature(AerSimulator.run).parameters)[1:]
    assert len(backend.run(quick()).result().results) == 1
    assert len(backend.run((quick(), quick())).result().results) == 2
    assert len(backend.run(circuits=[quick()]).result().results) == 1
    assert len(backend.run(c for c in [quick()] * 3).result().results) == 3


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({"max_jobsize": 3}, UnknownOptionError, "'max_job_size'"),
        ({"shot": 3}, UnknownOptionError, "'shots'"),
        ({"seed": 3}, UnknownOptionError, "'seed_simulator'"),
        ({"max_job_size": 0}, ClusterConfigError, "at least 1"),
        ({"max_job_size": 1.5}, ClusterConfigError, "whole number"),
        ({"max_shot_size": True}, ClusterConfigError, "whole number"),
        ({"retries": -1}, ClusterConfigError, "at least 0"),
        ({"seed_mode": "dependent"}, ClusterConfigError, "independent"),
        ({"progress": "yes"}, ClusterConfigError, "True or False"),
        ({"callback": 3}, ClusterConfigError, "function"),
        ({"executor": 3}, ClusterConfigError, "Executor"),
        ({"shots": 0}, ClusterConfigError, "at least 1"),
        ({"shots": -5}, ClusterConfigError, "at least 1"),
        ({"shots": "many"}, TypeError, "shots"),
        ({"seed_simulator": 2**63}, ClusterConfigError, "64 bits"),
        ({"max_parallel_threads": -1}, ClusterConfigError, "negative"),
        ({"method": "magic"}, QiskitError, "magic"),
        ({"noise_model": "noisy"}, TypeError, "NoiseModel"),
        ({"fusion_max_qubit": []}, TypeError, "fusion_max_qubit"),
    ],
)
@pytest.mark.parametrize("where", ["run", "set_options"])
def test_bad_options_are_refused_where_they_are_set(backend, options, error, says, where):
    before = dict(backend.options.__dict__)
    with pytest.raises(error, match=says):
        backend.run(quick(), **options) if where == "run" else backend.set_options(**options)
    assert backend.options.__dict__ == before


def test_aer_ignores_unknown_run_options():
    """The fact that makes our refusal worth having."""
    assert AerSimulator().run(quick(), max_jobsize=3, shot=5).result().success


def test_warnings_are_raised_at_the_caller(backend):
    for call in (lambda: backend.run(quick(), shots=10.0), lambda: backend.set_options(shots=10.0)):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            call()
        (warning,) = [w for w in caught if issubclass(w.category, DeprecationWarning)]
        assert warning.filename == __file__
        assert "shots" in str(warning.message)


def test_numpy_options_are_numbers(backend):
    result = backend.run(quick(), shots=np.int64(7), seed_simulator=np.int32(3), memory=np.bool_(True)).result()
    assert len(result.get_memory()) == 7


def test_bad_circuits_are_refused_at_the_caller(backend):
    with pytest.raises(InvalidCircuitError):
        backend.run([])
    with pytest.raises(TypeError, match=r"circuits\[1\]"):
        backend.run([quick(), None])


def test_max_parallel_threads_reserves_threads(provider, aer, same):
    backend = provider.get_backend("aer-local", workers=1, threads_per_worker=2)
    options = {"seed_simulator": 1, "memory": True, "max_parallel_threads": 2}
    same(
        backend.run([quick()] * 4, max_job_size=1, **options).result(),
        aer.run([quick()] * 4, **options).result(),
    )
    with pytest.raises(ClusterConnectionError, match="threads_per_worker=3"):
        backend.run(quick(), max_parallel_threads=3).result(timeout=60)
    assert backend.run(quick(), max_parallel_threads=0).result(timeout=60).success


def test_reprs(backend):
    backend.set_options(shots=7, noise_model=NoiseModel())
    backend.options.noise_model.add_all_qubit_readout_error(ReadoutError([[0.9, 0.1], [0.1, 0.9]]))
    assert "aer-local" in repr(backend)
    page = backend._repr_html_()
    assert "<table>" in page
    assert "shots=7" in page
    assert "<NoiseModel" not in page, "values must be escaped"


def test_importing_the_package_is_light():
    import subprocess
    import sys

    code = (
        "import sys, qiskit_cluster_provider, qiskit_cluster_provider.worker; "
        "heavy = {'qiskit', 'qiskit_aer', 'numpy', 'distributed', 'pydantic', 'msgpack'}; "
        "print(sorted(heavy & set(sys.modules)))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_options_of_devices_that_libraries_give_to_any_backend(backend):
    job = backend.run(quick(), rep_delay=None, meas_level=2, init_qubits=True, job_tags=["calibration"], shots=10)
    assert job.result().success
    assert job.metadata == {"job_tags": ["calibration"]}
    for option in ({"rep_delay": 0.1}, {"meas_level": 1}, {"init_qubits": False}, {"meas_return": "avg"}):
        with pytest.raises(UnknownOptionError, match="no effect on a simulation"):
            backend.run(quick(), **option)


def test_a_deep_copy_has_options_of_its_own_on_the_same_cluster(backend):
    from concurrent.futures import ThreadPoolExecutor
    from copy import deepcopy

    events = []
    with ThreadPoolExecutor(1) as executor:
        backend.set_options(executor=executor, callback=events.append, shots=10)
        other = deepcopy(backend)
        other.set_options(shots=20, method="statevector")
        assert other.run(quick()).result().results[0].shots == 20
    assert events
    assert other.connection is backend.connection
    assert (backend.options.shots, backend.options.method) == (10, "automatic")


def test_name_of_a_simulator(provider):
    """Libraries look for the word simulator in a name; it is else a text like any other."""
    name = provider.get_backend("aer-local").name
    assert all(word in name for word in ("simulator", "aer", "aer_simulator", "local"))
    assert "device" not in name
    with pytest.raises(TypeError):
        1 in name  # noqa: B015
    assert name == "aer-local"
    assert {"aer-local": 1}[name] == 1
    assert (str(name), f"{name}", repr(name), json.dumps([name])) == (
        "aer-local",
        "aer-local",
        "'aer-local'",
        '["aer-local"]',
    )
    for plain in (pickle.loads(pickle.dumps(name)), copy.deepcopy(name), copy.copy(name), str(name)):
        assert type(plain) is str
        assert plain == "aer-local"


def test_name_with_a_device(provider):
    """Aer's own has the word too, but then libraries ignore the device's couplings."""
    assert "simulator" not in provider.get_backend("aer-local", from_backend=GenericBackendV2(2)).name
