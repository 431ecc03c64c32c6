"""What is changed in place is seen as Aer sees it: before ``run``, and not after it."""

import numpy as np
import pytest
from qiskit.circuit import Delay, Gate, Instruction, Parameter, QuantumCircuit
from qiskit.circuit.library import (
    CRXGate,
    CXGate,
    DiagonalGate,
    HGate,
    Initialize,
    PauliGate,
    RXGate,
    UnitaryGate,
    XGate,
)
from qiskit.quantum_info import Kraus, SparsePauliOp, SuperOp
from qiskit_aer.noise import NoiseModel, amplitude_damping_error, pauli_error
from qiskit_aer.noise.passes import RelaxationNoisePass
from qiskit_aer.primitives import EstimatorV2 as AerEstimatorV2

from qiskit_cluster_provider import EstimatorV2, SamplerV2
from qiskit_cluster_provider.engines.aer import seen as module
from qiskit_cluster_provider.engines.aer.seen import seen
from qiskit_cluster_provider.testing import differences

X = np.array([[0, 1], [1, 0]], dtype=complex)
DAMPING = [np.diag([1, 0.5]).astype(complex), np.array([[0, np.sqrt(0.75)], [0, 0]], dtype=complex)]


def identity():
    return np.eye(2, dtype=complex)


def appended(operation, *before, qubits=(0,)):
    """A circuit with ``operation`` itself, not a copy of it, measured."""
    width = max(qubits) + 1
    circuit = QuantumCircuit(width, width)
    for gate in before:
        circuit.append(gate, [0])
    circuit.append(operation, qubits, copy=False)
    circuit.measure(range(width), range(width))
    return circuit


def matrix():
    array = identity()
    circuit = QuantumCircuit(1, 1)
    circuit.unitary(array, [0])
    circuit.measure(0, 0)
    return circuit, lambda: array.__setitem__(slice(None), X)


def matrix_of_two():
    array = np.eye(4, dtype=complex)
    return appended(UnitaryGate(array), qubits=(0, 1)), lambda: array.__setitem__(slice(None), np.kron(X, X))


def matrix_of_five():
    array = np.eye(32, dtype=complex)
    change = lambda: array.__setitem__(slice(None), np.kron(X, np.eye(16)))  # noqa: E731
    return appended(UnitaryGate(array), qubits=range(5)), change


def matrix_through_data():
    circuit, _ = matrix()
    return circuit, lambda: circuit.data[0].operation.params.__setitem__(0, X)


def angle():
    gate = RXGate(0.0)
    return appended(gate), lambda: setattr(gate, "params", [np.pi])


def angle_through_data():
    circuit = appended(RXGate(0.0))
    return circuit, lambda: circuit.data[0].operation.params.__setitem__(0, np.pi)


def angle_of_a_new_object():
    circuit = QuantumCircuit(1, 1)
    circuit.rx(0.5, 0)
    circuit.measure(0, 0)
    return circuit, lambda: circuit.data[0].operation.params.__setitem__(0, np.pi)  # Aer sees nothing of it


def controlled_angle():
    gate = CRXGate(0.0)
    circuit = appended(gate, qubits=(0, 1))
    circuit.data.insert(0, circuit.data[0].replace(operation=XGate(), qubits=[circuit.qubits[0]]))
    return circuit, lambda: setattr(circuit.data[1].operation, "params", [np.pi])


def control_state():
    gate = CXGate().to_mutable()
    return appended(gate, qubits=(0, 1)), lambda: setattr(gate, "ctrl_state", 0)


def name():
    gate = XGate().to_mutable()
    return appended(gate), lambda: setattr(gate, "name", "id")


def custom_gate():
    gate = Gate("rx", 1, [0.0])
    return appended(gate), lambda: gate.params.__setitem__(0, np.pi)


def kraus():
    circuit = appended(Kraus(DAMPING).to_instruction(), XGate())

    def change():
        for array, value in zip(circuit.data[1].operation.params, DAMPING, strict=True):
            array[:] = X @ value @ X

    return circuit, change


def superoperator():
    circuit = appended(Instruction("superop", 1, 0, [np.eye(4, dtype=complex)]))
    circuit.data[0].operation.params[0] = np.eye(4, dtype=complex)
    flip = SuperOp(Kraus([X])).data
    return circuit, lambda: circuit.data[0].operation.params[0].__setitem__(slice(None), flip)


def prepared():
    gate = Initialize([1, 0])
    return appended(gate), lambda: gate.params.__setitem__(slice(None), [0j, 1 + 0j])


def prepared_by_letters():
    gate = Initialize("0")
    return appended(gate), lambda: gate.params.__setitem__(0, "1")


def diagonal():
    circuit = appended(DiagonalGate([1, 1]), HGate())
    circuit.data.insert(2, circuit.data[0])
    return circuit, lambda: circuit.data[1].operation.params.__setitem__(1, -1 + 0j)


def paulis():
    gate = PauliGate("II")
    return appended(gate, qubits=(0, 1)), lambda: gate.params.__setitem__(0, "XY")


def multiplexer():
    arrays = [identity(), identity()]
    circuit = appended(Instruction("multiplexer", 2, 0, arrays), qubits=(0, 1))
    return circuit, lambda: circuit.data[0].operation.params[0].__setitem__(slice(None), X)


def channel():
    circuit = appended(pauli_error([("I", 1.0)]).to_instruction())
    other = pauli_error([("X", 1.0)])
    return circuit, lambda: setattr(circuit.data[0].operation, "_quantum_error", other)


def inside_a_channel():
    error = pauli_error([("I", 1.0)])
    circuit = appended(error.to_instruction())
    return circuit, lambda: circuit.data[0].operation._quantum_error.circuits[0].x(0)


def delay():
    gate = Delay(3)
    return appended(gate), lambda: gate.params.__setitem__(0, 5)


def save_label():
    circuit = QuantumCircuit(1)
    circuit.save_statevector(label="old")
    return circuit, lambda: setattr(circuit.data[0].operation, "_label", "new")


def saved_amplitudes():
    circuit = QuantumCircuit(1)
    circuit.h(0)
    circuit.z(0)
    circuit.save_amplitudes([0])
    return circuit, lambda: circuit.data[2].operation.params.__setitem__(slice(None), [1, 0])


def saved_operator():
    circuit = QuantumCircuit(1)
    circuit.save_expectation_value(SparsePauliOp("Z"), [0])
    return circuit, lambda: circuit.data[0].operation.params.__setitem__(0, ("Z", [5.0, 0.0]))


def set_state():
    circuit = QuantumCircuit(1, 1)
    circuit.set_statevector([1, 0])
    circuit.measure(0, 0)
    return circuit, lambda: circuit.data[0].operation.params[0].__setitem__(slice(None), [0, 1])


def phase():
    circuit = QuantumCircuit(1)
    circuit.save_statevector()
    return circuit, lambda: setattr(circuit, "global_phase", 1.0)


def flow(make, body=None):
    """Control flow over ``body``, by ``make(circuit, body)``."""
    body = QuantumCircuit(1, 1) if body is None else body
    circuit = QuantumCircuit(1, 1)
    make(circuit, body)
    circuit.measure(0, 0)
    return circuit, body


def when(circuit, body):
    circuit.if_test((circuit.clbits[0], 0), body, [0], [0])


def block():
    circuit, body = flow(when)
    return circuit, lambda: body.x(0)


def block_through_data():
    circuit, _ = flow(when)
    return circuit, lambda: circuit.data[0].operation.blocks[0].x(0)


def block_of_the_other_branch():
    other = QuantumCircuit(1, 1)
    circuit, _ = flow(lambda c, body: c.if_else((c.clbits[0], 1), body, other, [0], [0]))
    return circuit, lambda: other.x(0)


def block_of_a_loop():
    circuit, body = flow(lambda c, body: c.for_loop(range(3), None, body, [0], [0]))
    return circuit, lambda: body.x(0)


def block_of_a_switch():
    circuit, body = flow(lambda c, body: c.switch(c.clbits[0], [(0, body)], [0], [0]))
    return circuit, lambda: body.x(0)


def block_of_a_while():
    body = QuantumCircuit(1, 1)
    body.x(0)
    body.measure(0, 0)
    circuit = QuantumCircuit(1, 1)
    circuit.x(0)
    circuit.measure(0, 0)
    circuit.while_loop((circuit.clbits[0], 1), body, [0], [0])
    circuit.measure(0, 0)
    return circuit, lambda: body.x(0)


def nested():
    inner = QuantumCircuit(1, 1)
    body = QuantumCircuit(1, 1)
    when(body, inner)
    circuit, _ = flow(when, body)
    return circuit, lambda: inner.x(0)


def nested_through_data():
    circuit, _ = nested()
    return circuit, lambda: circuit.data[0].operation.blocks[0].data[0].operation.blocks[0].x(0)


def matrix_in_a_block():
    array = identity()
    body = QuantumCircuit(1, 1)
    body.unitary(array, [0])
    return flow(when, body)[0], lambda: array.__setitem__(slice(None), X)


def angle_in_a_block():
    gate = RXGate(0.0)
    body = QuantumCircuit(1, 1)
    body.append(gate, [0])
    return flow(when, body)[0], lambda: setattr(gate, "params", [np.pi])


def state_in_a_block():
    gate = Initialize([1, 0])
    body = QuantumCircuit(1, 1)
    body.append(gate, [0], copy=False)
    return flow(when, body)[0], lambda: gate.params.__setitem__(slice(None), [0j, 1 + 0j])


def beside_a_block():
    gate, array = RXGate(0.0), identity()
    circuit = appended(gate)
    circuit.unitary(array, [0])
    circuit.append(Kraus(DAMPING).to_instruction(), [0])
    when(circuit, QuantumCircuit(1, 1))
    circuit.measure(0, 0)

    def change():
        gate.params = [np.pi]  # Aer copies what has control flow, and sees nothing of this
        array[:] = X
        for value in circuit.data[3].operation.params:
            value[:] = X @ value

    return circuit, change


def in_a_round():
    gate, number, inner = RXGate(0.0), Parameter("number"), RXGate(0.0)
    nested = QuantumCircuit(1, 1)
    nested.append(inner, [0])
    body = QuantumCircuit(1, 1)
    body.append(gate, [0])
    body.rz(number, 0)
    when(body, nested)
    circuit, _ = flow(lambda c, body: c.for_loop(range(3), number, body, [0], [0]), body)

    def change():
        gate.params = [1.0]  # a round is a copy
        inner.params = [0.4]

    return circuit, change


def other_blocks():
    circuit, _ = flow(when)
    other = QuantumCircuit(1, 1)
    other.x(0)
    return circuit, lambda: setattr(circuit.data[0].operation, "params", [other, None])


def condition():
    body = QuantumCircuit(1, 1)
    body.x(0)
    circuit, _ = flow(lambda c, body: c.if_test((c.clbits[0], 1), body, [0], [0]), body)
    return circuit, lambda: setattr(circuit.data[0].operation, "condition", (circuit.clbits[0], 0))


CASES = [
    matrix, matrix_of_two, matrix_of_five, matrix_through_data, angle, angle_through_data, angle_of_a_new_object,
    controlled_angle, control_state, name, custom_gate, kraus, superoperator, prepared, prepared_by_letters, diagonal,
    paulis, multiplexer, channel, inside_a_channel, delay, save_label, saved_amplitudes, saved_operator, set_state,
    phase, block, block_through_data, block_of_the_other_branch, block_of_a_loop, block_of_a_switch, block_of_a_while,
    nested, nested_through_data, matrix_in_a_block, angle_in_a_block, state_in_a_block, beside_a_block,
    in_a_round, other_blocks, condition,
]  # fmt: skip
UNSEEN = {angle_of_a_new_object, delay}  # changes without an effect on the result
OPTIONS = {"shots": 30, "seed_simulator": 5}


@pytest.mark.parametrize("place", ["cluster", "here"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_a_change_before_run_is_seen_and_one_after_it_is_not(backend, aer, same, case, place):
    circuit, change = case()
    held = backend.run(circuit, placement=place, **OPTIONS)
    theirs = aer.run(circuit, **OPTIONS).result()
    change()
    same(held.result(), theirs)
    changed = aer.run(circuit, **OPTIONS).result()
    assert changed.success
    if case not in UNSEEN:
        assert differences(changed, theirs) != []
    same(backend.run(circuit, placement=place, **OPTIONS).result(), changed)


@pytest.mark.parametrize("place", ["cluster", "here"])
@pytest.mark.parametrize("bystanders", [0, 3])
def test_a_loop_over_the_angle_of_one_gate_gets_each(backend, aer, same, place, bystanders):
    gate = RXGate(0.0)
    others = [appended(RXGate(0.3 * i)) for i in range(bystanders)]
    circuit = appended(gate, HGate())
    for value in (0.0, 0.7, 1.4, 0.7, 2.1):
        gate.params[0] = value
        batch = [*others, circuit]
        ours = backend.run(batch, placement=place, **OPTIONS).result()
        same(ours, aer.run(batch, **OPTIONS).result())


@pytest.mark.parametrize("place", ["cluster", "here"])
def test_a_parameter_that_was_put_in_or_taken_out_in_place(backend, aer, same, place):
    a, b = Parameter("a"), Parameter("b")
    circuit = QuantumCircuit(1, 1)
    circuit.append(RXGate(a), [0])
    circuit.append(RXGate(b), [0])
    circuit.measure(0, 0)
    circuit.data[0].operation.params[0] = np.pi
    binds = [{a: [0.0, 0.0], b: [0.2, np.pi]}]
    ours = backend.run(circuit, parameter_binds=binds, placement=place, **OPTIONS).result()
    same(ours, aer.run(circuit, parameter_binds=binds, **OPTIONS).result())
    assert [set(ours.get_counts(i)) for i in range(2)][1] == {"0"}


def test_a_label_that_noise_is_for(backend, aer, same):
    noise = NoiseModel()
    noise.add_all_qubit_quantum_error(amplitude_damping_error(0.5), ["leaky"])
    gate = XGate(label="tight")
    circuit = appended(gate)
    options = {"noise_model": noise, **OPTIONS}
    before = backend.run(circuit, **options).result().get_counts()
    gate.label = "leaky"
    theirs = aer.run(circuit, **options).result()
    assert theirs.get_counts() != before
    same(backend.run(circuit, **options).result(), theirs)


@pytest.mark.parametrize("delayed", [True, False])
@pytest.mark.filterwarnings("ignore:Instruction duration not found")
def test_a_model_with_passes_copies_what_has_delays(backend, aer, same, delayed):
    noise = NoiseModel()
    noise._custom_noise_passes.append(RelaxationNoisePass([50e3], [70e3], dt=1e-9))
    circuit, change = angle()
    if delayed:
        circuit.delay(3, 0)
    change()
    theirs = aer.run(circuit, noise_model=noise, **OPTIONS).result()
    assert set(theirs.get_counts()) == ({"0"} if delayed else {"1"})
    same(backend.run(circuit, noise_model=noise, **OPTIONS).result(), theirs)


def test_the_sampler_sees_it_too(backend):
    circuit, change = matrix()
    sampler = SamplerV2(backend, seed=1)
    job = sampler.run([circuit], shots=10)
    change()
    assert job.result()[0].data.c.get_counts() == {"0": 10}
    assert sampler.run([circuit], shots=10).result()[0].data.c.get_counts() == {"1": 10}


@pytest.mark.parametrize("case", [matrix, angle, kraus, prepared, nested, block], ids=lambda case: case.__name__)
def test_the_estimator_sees_what_that_of_aer_sees(backend, case):
    circuit, change = case()
    circuit.remove_final_measurements()
    change()
    ours = EstimatorV2(backend).run([(circuit, "Z")]).result()[0].data.evs
    assert ours == AerEstimatorV2().run([(circuit, "Z")]).result()[0].data.evs


def test_circuits_of_plain_gates_are_not_copied():
    circuit = QuantumCircuit(2, 2)
    circuit.rx(0.1, 0)
    circuit.append(RXGate(0.2), [0])
    circuit.cx(0, 1)
    circuit.unitary(X, [0])
    circuit.measure([0, 1], [0, 1])
    assert seen([circuit, circuit]) == [circuit, circuit]
    assert all(one is circuit for one in seen([circuit, circuit]))


def test_beyond_the_first_thousands_a_circuit_is_judged_by_its_first_gate_with_numbers(monkeypatch):
    monkeypatch.setattr(module, "_LOOKS", 0)
    circuit, change = angle()
    change()
    assert seen([circuit])[0].data[0].params == [np.pi]
    circuit, change = matrix()
    change()
    assert np.array_equal(seen([circuit])[0].data[0].matrix, X)


def test_a_copy_keeps_what_the_user_called_it():
    circuit, change = angle()
    circuit.name, circuit.metadata = "mine", {"a": [1]}
    change()
    (copied,) = seen([circuit])
    assert copied is not circuit
    assert copied.name == "mine"
    assert copied.metadata is circuit.metadata
