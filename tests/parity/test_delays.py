"""What the passes of a noise model make of delays is made once, for the qubits that count; the numbers are Aer's."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qiskit import QuantumCircuit, transpile
from qiskit.circuit import Delay, Parameter
from qiskit.circuit.library import XGate
from qiskit.quantum_info import SparsePauliOp
from qiskit.transpiler import PassManager
from qiskit.transpiler.passes import ALAPScheduleAnalysis, PadDynamicalDecoupling
from qiskit_aer import AerSimulator
from qiskit_aer import primitives as aer_primitives
from qiskit_aer.noise import (
    NoiseModel,
    ReadoutError,
    RelaxationNoisePass,
    amplitude_damping_error,
    depolarizing_error,
    pauli_error,
)
from qiskit_aer.noise.passes import LocalNoisePass
from qiskit_ibm_runtime.fake_provider import FakeAlgiers, FakeManilaV2

from qiskit_cluster_provider import EstimatorV2, SamplerV2
from qiskit_cluster_provider.engines.aer.preparation import prepare
from qiskit_cluster_provider.engines.aer.settings import RunSettings
from qiskit_cluster_provider.engines.aer.simulation.noise import Noise
from qiskit_cluster_provider.engines.aer.simulation.simulator import Aer
from qiskit_cluster_provider.engines.aer.simulation.template import Template
from qiskit_cluster_provider.options import SliceOptions
from qiskit_cluster_provider.plan import Simulator
from qiskit_cluster_provider.plan.cache import ByteCache
from qiskit_cluster_provider.testing import differences, pub_differences
from tests.columns import columns_of

METHODS = ["automatic", "statevector", "density_matrix", "matrix_product_state"]
QUBITS = 6
DT = 1e-7
TIMES = st.sampled_from([(1e-4, 5e-5), (1e-5, 1.6e-5), (3e-6, 3e-6), (np.inf, np.inf), (np.inf, 2e-5)])
UNITS = [("dt", 20), ("us", 3.0), ("ns", 700), ("s", 4e-6), ("dt", 0)]


@st.composite
def models(draw):
    """Relaxation of each qubit by a Kraus error, by resets, or none; and other noise, or none."""
    times = draw(st.lists(TIMES, min_size=QUBITS, max_size=QUBITS))
    excited = draw(st.sampled_from([None, [0.1] * QUBITS]))
    t1s, t2s = zip(*times, strict=True)
    model = NoiseModel()
    model._custom_noise_passes.append(
        RelaxationNoisePass(t1s, t2s, dt=DT, op_types=Delay, excited_state_populations=excited)
    )
    if draw(st.integers(0, 4)) == 0:  # of the user's own, which only Aer's public call runs
        model._custom_noise_passes.append(LocalNoisePass(lambda op, qubits: XGate(), op_types=Delay))
    if draw(st.booleans()):
        model.add_all_qubit_quantum_error(depolarizing_error(0.05, 1), ["x"])
    for qubit in draw(st.lists(st.integers(0, QUBITS - 1), max_size=3, unique=True)):
        error = draw(st.sampled_from([amplitude_damping_error(0.2), pauli_error([("X", 0.2), ("I", 0.8)])]))
        model.add_quantum_error(error, [draw(st.sampled_from(["h", "delay"]))], [qubit], warnings=False)
    for qubit in draw(st.lists(st.integers(0, QUBITS - 1), max_size=2, unique=True)):
        model.add_readout_error(ReadoutError([[0.9, 0.1], [0.2, 0.8]]), [qubit])
    return model


@st.composite
def circuits(draw, flow=True):
    """Gates on some qubits, delays and barriers on all, feedback now and then, saves."""
    first = draw(st.integers(0, QUBITS - 3))
    circuit = QuantumCircuit(QUBITS, 3, name="drawn")
    angle = Parameter("a")
    names = ["h", "x", "cx", "delay", "delay", "delay", "idle", "barrier", "reset", "swap", *(["if"] if flow else [])]
    for _ in range(draw(st.integers(2, 10))):
        name = draw(st.sampled_from(names))
        qubit = first + draw(st.integers(0, 2))
        if name in ("delay", "idle"):
            unit, duration = draw(st.sampled_from(UNITS))
            circuit.delay(duration, draw(st.integers(0, QUBITS - 1)) if name == "idle" else qubit, unit)
        elif name in ("cx", "swap"):
            getattr(circuit, name)(qubit, first + (qubit - first + 1) % 3)
        elif name == "barrier":
            circuit.barrier()
        elif name == "if":
            circuit.measure(qubit, 0)
            with circuit.if_test((circuit.clbits[0], 1)):
                circuit.delay(11, draw(st.integers(0, QUBITS - 1)), "dt")
                circuit.x(first)
        else:
            getattr(circuit, name)(qubit)
    bound = draw(st.booleans())
    if bound:
        circuit.ry(angle, first)
        circuit.delay(30, first, "dt")
    circuit.measure(range(first, first + 2), range(2))
    if draw(st.booleans()):
        circuit.save_expectation_value(SparsePauliOp("ZZ"), [first, first + 1])
    return circuit, ({angle: draw(st.lists(st.floats(-3, 3), min_size=2, max_size=2))} if bound else {})


@pytest.mark.slow
@settings(max_examples=25)
@given(
    model=models(),
    batch=st.lists(circuits(), min_size=1, max_size=3),
    method=st.sampled_from(METHODS),
    truncates=st.sampled_from([True, True, True, False]),
    size=st.sampled_from([None, 1]),
)
def test_delays(backend, model, batch, method, truncates, size):
    some = [pair for pair in batch if pair[1]]
    drawn = [circuit for circuit, _ in some or batch]  # all with parameters, or none
    binds = [bind for _, bind in some] or None
    options = {"shots": 40, "seed_simulator": 5, "method": method, "noise_model": model, "memory": True}
    options["enable_truncation"] = truncates
    if method == "automatic":  # else Aer loses gates, see `wrong`, and alone a circuit meets no errors of the others
        drawn, binds = drawn[:1], binds and binds[:1]
    theirs = AerSimulator(max_parallel_threads=1).run(drawn, parameter_binds=binds, **options).result()
    for _ in range(3):
        ours = backend.run(drawn, parameter_binds=binds, **options, max_job_size=size).result()
        assert differences(ours, theirs) == []


def test_delays_of_one_circuit_tell_the_next_that_there_is_noise(backend, aer, same):
    """Aer puts their errors into the model of the whole call, which a circuit in another slice sees too."""
    model = NoiseModel()
    model._custom_noise_passes.append(RelaxationNoisePass([1e-5], [1.6e-5], dt=DT, op_types=Delay))
    batch = [QuantumCircuit(1, 1) for _ in range(3)]
    batch[1].delay(10, 0)
    for circuit in batch:
        circuit.h(0)
        circuit.measure(0, 0)
    options = {"noise_model": model, "shots": 50, "seed_simulator": 1, "method": "statevector"}
    ours = backend.run(batch, max_job_size=1, **options).result()
    same(ours, aer.run(batch, **options).result())
    assert [one.metadata["noise"] for one in ours.results] == ["kraus"] * 3


@pytest.fixture(scope="module")
def device():
    return FakeAlgiers()


@pytest.fixture(scope="module")
def whole(device):
    return NoiseModel.from_backend(device)


def bell(device, scheduling, **options):
    circuit = QuantumCircuit(2)
    circuit.h(0)
    circuit.delay(9600, 0)
    circuit.cx(0, 1)
    circuit.measure_all()
    return transpile(circuit, device, scheduling_method=scheduling, seed_transpiler=1, **options)


def decoupled(device):
    target = device.target
    alone = [
        ALAPScheduleAnalysis(target=target),
        PadDynamicalDecoupling(dd_sequence=[XGate(), XGate()], target=target),
    ]
    return PassManager(alone).run(bell(device, None))


def dynamic(device):
    circuit = QuantumCircuit(3, 3)
    circuit.h(0)
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.delay(4800, 1)
        circuit.x(1)
    circuit.delay(14400, 2)
    circuit.measure([1, 2], [1, 2])
    return transpile(circuit, device, seed_transpiler=1)


@pytest.mark.parametrize(
    "make",
    [lambda d: bell(d, "alap"), lambda d: bell(d, "asap"), lambda d: bell(d, None), decoupled, dynamic],
    ids=["alap", "asap", "a delay of the user", "dynamical decoupling", "dynamic"],
)
def test_a_scheduled_circuit_on_a_device(backend, aer, same, device, whole, make):
    batch = [make(device)]
    options = {"noise_model": whole, "shots": 100, "seed_simulator": 3, "memory": True}
    theirs = aer.run(batch, **options).result()
    for _ in range(3):
        same(backend.run(batch, **options).result(), theirs)


def test_a_scheduled_circuit_is_run_without_aers_passes(device, whole, monkeypatch):
    """The second time nothing of them runs, and the model has what three qubits need."""
    circuit = bell(device, "alap")
    cache, options = ByteCache(2**27), {"seed_simulator": 1, "shots": 10}
    noise = Noise(
        prepare([circuit], None, RunSettings({**options, "noise_model": whole}, SliceOptions())).noise_model
    )
    assert len(noise.to_dict()["errors"]) < len(whole.to_dict()["errors"]) / 5
    template = Template(columns_of(circuit), None, name="bell")
    once, _ = Aer({}, Simulator(), noise, cache).run([template], 1, 10, (27, 2))
    monkeypatch.setattr(RelaxationNoisePass, "run", None)
    again, _ = Aer({}, Simulator(), noise, cache).run([template], 1, 10, (27, 2))
    assert again[0]["data"] == once[0]["data"]
    (one,) = [kept for name, (_, kept) in cache._kept.items() if name[0] == "relaxed"]
    assert 0 < len(one.errors) < 10  # of 27 qubits and more delays


def test_what_cannot_be_told_in_seconds_fails_as_in_aer(backend):
    """A delay in units of a clock of which the model knows nothing."""
    model = NoiseModel()
    model._custom_noise_passes.append(RelaxationNoisePass([1e-5], [1e-5], op_types=Delay))
    circuit = QuantumCircuit(1, 1)
    circuit.delay(10, 0)
    circuit.measure(0, 0)
    result = backend.run([circuit, circuit], noise_model=model, shots=10).result()
    assert "without a dt time set" in result.results[0].status


def test_a_pass_that_is_changed_in_place_is_noticed(backend, aer, same):
    model = NoiseModel()
    model._custom_noise_passes.append(RelaxationNoisePass([1e-4], [1e-4], dt=DT, op_types=Delay))
    circuit = QuantumCircuit(1, 1)
    circuit.x(0)
    circuit.delay(100, 0)
    circuit.measure(0, 0)
    options = {"noise_model": model, "shots": 100, "seed_simulator": 1, "memory": True}
    answers = []
    for _ in range(2):
        for _ in range(3):
            ours = backend.run([circuit], **options).result()
        same(ours, aer.run([circuit], **options).result())
        answers.append(ours.get_memory())
        model._custom_noise_passes[0]._t1s[:] = 2e-6
        model._custom_noise_passes[0]._t2s[:] = 2e-6
    assert answers[0] != answers[1]


def test_primitives(backend, device, whole):
    circuit = bell(device, "alap")
    options = {
        "backend_options": {"noise_model": whole, "method": "density_matrix"},
        "run_options": {"seed_simulator": 4},
    }
    theirs = aer_primitives.SamplerV2(options=options).run([circuit], shots=50).result()
    for _ in range(2):
        ours = SamplerV2(backend, options=options).run([circuit], shots=50).result()
        assert pub_differences(ours, theirs) == []
    small = FakeManilaV2()
    options["backend_options"] = {"noise_model": NoiseModel.from_backend(small), "method": "density_matrix"}
    circuit = bell(small, "alap")
    bare = circuit.remove_final_measurements(inplace=False)
    operator = SparsePauliOp("ZZ").apply_layout(circuit.layout)
    theirs = aer_primitives.EstimatorV2(options=options).run([(bare, operator)], precision=0.0).result()
    ours = EstimatorV2(backend, options=options).run([(bare, operator)], precision=0.0).result()
    assert np.allclose(ours[0].data.evs, theirs[0].data.evs, rtol=1e-12)
