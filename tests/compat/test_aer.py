"""An Aer, or a Qiskit, without one of its private names: the answer stays, or the error says what to install."""

import pytest
from qiskit.circuit import Delay, Parameter, QuantumCircuit
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel, ReadoutError, amplitude_damping_error, depolarizing_error
from qiskit_aer.noise.passes import RelaxationNoisePass
from qiskit_ibm_runtime.fake_provider import FakeManilaV2

from qiskit_cluster_provider import ClusterBackend
from qiskit_cluster_provider._compat import aer, aer_noise, qiskit
from qiskit_cluster_provider.engines.aer import noise
from qiskit_cluster_provider.engines.aer.simulation.simulator import Aer
from qiskit_cluster_provider.errors import (
    ClusterConfigError,
    LibraryVersionError,
    ShotSlicingError,
    WireError,
)
from qiskit_cluster_provider.merge.lazy import LazyResult
from qiskit_cluster_provider.plan.circuits import patterns

INSTALL_AER = r"qiskit-aer [\d.]+ has no .*; install a version that has it: pip install 'qiskit-aer==0\.18\.\*'"
SEED = {"seed_simulator": 11, "shots": 50, "max_parallel_threads": 1}


@pytest.fixture
def here(provider):
    """Simulates in this process, with the code of the children."""
    backend = provider.get_backend("aer-local", workers=2)
    backend.set_options(placement="here", **SEED)
    return backend


@pytest.fixture
def undirected(monkeypatch):
    """Aer's public run is the only way to simulate."""

    def refused(*_):
        raise AssertionError("the direct way was taken")

    monkeypatch.setattr(Aer, "_direct", refused)


def circuits():
    """Gates, a matrix, a reset, control flow, saved data of several kinds, and rows of parameters."""
    one = QuantumCircuit(3, 2, name="one", metadata={"of": "mine"})
    one.h([0, 1])
    one.unitary([[0, 1], [1, 0]], [2], label="flip")
    one.cx(0, 1)
    one.reset(2)
    one.measure([0, 1], [0, 1])
    flow = QuantumCircuit(2, 2, name="flow")
    flow.h(0)
    flow.measure(0, 0)
    with flow.if_test((flow.clbits[0], True)):
        flow.rx(0.3, 1)
    flow.save_density_matrix(label="rho")
    flow.measure(1, 1)
    state = QuantumCircuit(2, name="state")
    state.ry(0.7, 0)
    state.cx(0, 1)
    state.save_statevector()
    state.save_probabilities_dict([0])
    angle = Parameter("angle")
    free = QuantumCircuit(2, 2, name="free")
    free.ry(angle * 2, 0)
    free.rzz(angle, 0, 1)
    free.rx(angle + 0.1, 1)
    free.measure([0, 1], [0, 1])
    return [one, flow, state, free], [{}, {}, {}, {angle: [0.1, 0.2, 0.9]}]


def bound(count=3):
    """Circuits that differ in their numbers alone, on a device's layout."""
    found = []
    for index in range(count):
        circuit = QuantumCircuit(2, 2, name=f"bound{index}", global_phase=0.1 * index)
        circuit.sx(0)
        circuit.rz(0.2 + index, 0)
        circuit.sx(0)
        circuit.cx(0, 1)
        circuit.measure([0, 1], [0, 1])
        found.append(circuit)
    return found


def check(backend, same, oracle=None, **options):
    """Against Aer itself, which has all its names."""
    oracle = AerSimulator() if oracle is None else oracle
    given, binds = circuits()
    same(
        backend.run(given, parameter_binds=binds, **options).result(),
        oracle.run(given, parameter_binds=binds, **SEED, **options).result(),
    )
    same(backend.run(bound(), memory=True).result(), oracle.run(bound(), memory=True, **SEED).result())


@pytest.mark.parametrize("record", aer.DIRECT, ids=lambda record: record.key)
def test_aers_public_run(here, same, without, undirected, record):
    without(record)
    check(here, same)


def test_the_direct_way_is_taken_with_all_of_them(here, undirected):
    result = here.run(bound(1)[0]).result()
    assert "the direct way was taken" in result.results[0].status


def test_an_aer_that_was_not_tried(here, same, undirected, without, monkeypatch):
    without()
    monkeypatch.setattr(aer.metadata, "version", lambda name: "0.21.0")
    check(here, same)


def test_instructions_that_nobody_can_try(here, without):
    """An unknown one fails on the worker, with Aer's words, and the others are kept."""
    without(aer.ASSEMBLE_CIRCUITS)
    strange = QuantumCircuit(1, 1, name="strange")
    strange.append(QuantumCircuit(1, name="whatever").to_instruction(), [0])
    result = here.run([strange, bound(1)[0]]).result()
    assert "whatever" in result.results[0].status
    assert result.results[1].success


def test_places_in_assembled_circuits(here, same, without):
    circuit = bound(1)[0]
    given = [[((1, 0), [0.5, 0.6]), ((-1, 0), [0.1, 0.2])]]
    expected = AerSimulator().run(circuit, parameterizations=given, **SEED).result()
    assert len(expected.results) == 2
    without(aer.AER_CONFIG)
    ours = here.run(circuit, parameterizations=given).result()
    assert [ours.get_counts(i) for i in range(2)] == [expected.get_counts(i) for i in range(2)]
    without(aer.ASSEMBLE_CIRCUITS)
    with pytest.raises(LibraryVersionError, match=INSTALL_AER):
        here.run(circuit, parameterizations=given)


def test_options_are_checked_by_name(here, same, without):
    without(aer.RUN_ARG_TYPES)
    with pytest.raises(ClusterConfigError, match="Did you mean 'fusion_enable'"):
        here.run(bound(1)[0], fusion_enabled=False)
    check(here, same, fusion_enable=False)


def test_options_out_of_range(here, without):
    with pytest.raises(ClusterConfigError, match="out of the range"):
        here.run(bound(1)[0], fusion_max_qubit=-1)
    without(aer.AER_CONFIG)
    assert not here.run(bound(1)[0], fusion_max_qubit=-1).result().success


def test_saved_data_cannot_be_dressed(here, without):
    """Counts and memory are read as ever."""
    given, binds = circuits()
    expected = AerSimulator().run(given, parameter_binds=binds, **SEED).result()
    without(aer.FORMAT_SAVE_TYPE)
    ours = here.run(given, parameter_binds=binds).result()
    assert ours.get_counts(0) == expected.get_counts(0)
    with pytest.raises(WireError, match=INSTALL_AER):
        ours.get_statevector(2)


def test_a_simulator_of_a_device(same, without, provider):
    device = FakeManilaV2()
    oracle = AerSimulator.from_backend(device)
    connection = provider.get_backend("aer-local", workers=2).connection
    without(aer.CONFIGURATION)
    ours = ClusterBackend.from_backend(device, connection=connection, placement="here", **SEED)
    same(ours.run(bound()).result(), oracle.run(bound(), **SEED).result())
    without(aer.FROM_DEVICE)
    with pytest.raises(LibraryVersionError, match=INSTALL_AER):
        ClusterBackend.from_backend(device, connection=connection)


def test_appended_errors(here, same, without):
    noisy = bound(1)[0]
    noisy.append(depolarizing_error(0.3, 1).to_instruction(), [0])
    without(aer.QUANTUM_ERROR)
    check(here, same)
    with pytest.raises(LibraryVersionError, match=INSTALL_AER):
        here.run(noisy)


def test_shots_that_cannot_be_put_together(here, same, without):
    saves = QuantumCircuit(1, 1, name="saves")
    saves.h(0)
    saves.save_probabilities()
    options = {"max_shot_size": 10, "seed_mode": "independent"}
    assert here.run(saves, **options).result().success
    without(aer.SUBTYPE)
    with pytest.raises(ShotSlicingError, match=INSTALL_AER):
        here.run(saves, **options)
    check(here, same)


# Noise


def device_noise():
    """All sorts of errors, on more qubits than a circuit has."""
    model = NoiseModel()
    model.add_all_qubit_quantum_error(depolarizing_error(0.1, 2), ["cx", "cz"])
    for qubit in range(4):
        model.add_quantum_error(amplitude_damping_error(0.05 * (qubit + 1)), ["h", "rx", "ry"], [qubit])
        model.add_readout_error(ReadoutError([[0.9, 0.1], [0.1 * qubit, 1 - 0.1 * qubit]]), [qubit])
    return model


def relaxing():
    """The same, and with what delays do."""
    model = device_noise()
    model._custom_noise_passes.append(RelaxationNoisePass([1e-4] * 4, [1e-4] * 4, dt=1e-9, op_types=[Delay]))
    return model


def waiting():
    """Circuits with delays of different lengths, and one without."""
    found = bound(1)
    for duration in (20, 90_000):
        circuit = QuantumCircuit(2, 2, name=f"waits{duration}")
        circuit.h([0, 1])
        circuit.delay(duration, 0, unit="ns")
        circuit.cx(0, 1)
        circuit.measure([0, 1], [0, 1])
        found.append(circuit)
    return found


WHOLE = [record for record in aer_noise.MODEL if record is not aer_noise.PASSES]
AGAIN = [aer_noise.PASS_MANAGER, aer_noise.RELAXATION_ERROR, aer_noise.ASSEMBLE_NOISE_MODEL]


@pytest.mark.parametrize("record", WHOLE, ids=lambda record: record.key)
def test_a_noise_model_is_sent_whole(here, same, without, monkeypatch, record):
    model = device_noise()
    expected = AerSimulator().run(bound(), noise_model=model, **SEED).result()
    monkeypatch.setattr(noise, "_part", None)
    without(record)
    same(here.run(bound(), noise_model=model).result(), expected)


@pytest.mark.parametrize("record", AGAIN, ids=lambda record: record.key)
def test_passes_are_run_in_each_call(here, same, without, undirected, record):
    model = relaxing()
    expected = AerSimulator().run(waiting(), noise_model=model, **SEED).result()
    without(record)
    same(here.run(waiting(), noise_model=model).result(), expected)


@pytest.mark.parametrize("record", aer_noise.PASS, ids=lambda record: record.key)
def test_passes_that_cannot_be_read(here, same, without, record):
    without(record)
    with pytest.raises(LibraryVersionError, match=INSTALL_AER):
        here.run(waiting(), noise_model=relaxing())
    same(
        here.run(bound(), noise_model=device_noise()).result(),
        AerSimulator().run(bound(), noise_model=device_noise(), **SEED).result(),
    )


def test_the_error_of_a_channel_instruction_has_a_name_of_its_own(here, same, without):
    circuit = bound(1)[0].copy_empty_like()
    circuit.h(0)
    circuit.append(amplitude_damping_error(0.3).to_instruction(), [0])
    circuit.measure(0, 0)
    expected = AerSimulator().run(circuit, **SEED).result()
    without(aer_noise.ERROR_ID)
    same(here.run(circuit).result(), expected)


def test_whether_there_are_passes_is_not_known(here, same, without):
    without(aer_noise.PASSES)
    with pytest.raises(LibraryVersionError, match=INSTALL_AER):
        here.run(bound(), noise_model=device_noise())
    check(here, same)


# Qiskit


@pytest.mark.parametrize("record", [qiskit.APPEND, qiskit.LAYOUT], ids=lambda record: record.key)
def test_copies_of_circuits(here, same, without, monkeypatch, record):
    opened = []
    original = patterns._opened

    def counted(circuit):
        opened.append(circuit)
        return original(circuit)

    monkeypatch.setattr(patterns, "_opened", counted)
    without(record)
    with here.provider.get_backend("aer-local", workers=1) as backend:
        backend.set_options(placement="here", **SEED)
        check(backend, same)
    assert opened, "a template was made"


def test_the_sizes_of_circuits(without):
    given = [*bound(2), QuantumCircuit(1)]
    assert qiskit.sizes(given) == [6, 6, 0]
    without(qiskit.DATA)
    assert qiskit.sizes(given) == [6, 6, 0]


@pytest.mark.parametrize(
    "record", [qiskit.GET_EXPERIMENT, qiskit.METADATA, qiskit.DATA_ATTRIBUTES], ids=lambda record: record.key
)
def test_results_are_made_at_once(here, same, without, record):
    assert isinstance(here.run(bound(1)).result(), LazyResult)
    without(record)
    assert not isinstance(here.run(bound(1)).result(), LazyResult)
    check(here, same)
    partly = here.run([bound(1)[0], refused()]).result()
    assert [one.success for one in partly.results] == [True, False]
    assert partly.get_counts(0)


def refused():
    """What Aer refuses while it runs."""
    circuit = QuantumCircuit(1, 1, name="refused")
    circuit.t(0)
    circuit.save_stabilizer()
    return circuit
