"""Which circuits are rows of one template, and that nothing is missed that Aer would see."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qiskit.circuit import ClassicalRegister, Gate, Parameter, ParameterVector, QuantumCircuit, QuantumRegister, Qubit
from qiskit.circuit.library import RXGate, RZGate

from qiskit_cluster_provider.engines.aer.operations import MAKERS, WRITERS
from qiskit_cluster_provider.engines.aer.preparation import prepare
from qiskit_cluster_provider.engines.aer.seen import seen
from qiskit_cluster_provider.engines.aer.settings import RunSettings
from qiskit_cluster_provider.options import SliceOptions
from qiskit_cluster_provider.plan.circuits.patterns import read
from qiskit_cluster_provider.plan.circuits.reading import Reader
from qiskit_cluster_provider.plan.circuits.rebuilding import circuit_of, rebuild
from qiskit_cluster_provider.plan.circuits.templates import PatternMemory, Templates

from ..parity.circuits import circuits

A, B, C = (Parameter(name) for name in "abc")


def bound(*angles, name="bound", phase=0.0):
    circuit = QuantumCircuit(2, name=name, global_phase=phase)
    circuit.h(0)
    for angle in angles:
        circuit.rx(angle, 0)
        circuit.cp(angle / 2, 0, 1)
    circuit.measure_all()
    return circuit


def snapshots(batch, memory=None):
    batch = seen(batch)
    templates = Templates(batch, PatternMemory() if memory is None else memory, WRITERS)
    return [templates.of(circuit) for circuit in batch]


def again(snapshot):
    """The circuit that a snapshot stands for."""
    circuit, parameters = rebuild(snapshot.circuit, MAKERS)
    if snapshot.row is None:
        return circuit
    return circuit.assign_parameters(dict(zip(parameters, snapshot.row[0], strict=True)))


def work(batch, **options):
    return prepare(batch, None, RunSettings({"shots": 10, "seed_simulator": 1, **options}, SliceOptions()))


def test_bound_circuits_of_one_structure_are_rows_of_one_template():
    batch = [bound(0.1, 0.2, name="one"), bound(0.3, 0.4, name="two"), bound(0.5, 0.6, phase=0.7)]
    one, two, three = work(batch).items
    assert one.circuit is two.circuit
    assert one.values.tolist() == [[0.1, 0.05, 0.2, 0.1]]
    assert two.values.tolist() == [[0.3, 0.15, 0.4, 0.2]]
    assert [item.name for item in (one, two, three)] == ["one", "two", "bound"]
    assert three.circuit is not one.circuit, "its phase is not 0, and it is alone with that"
    assert batch[0].num_parameters == 0, "the user's circuits are not touched"


def test_a_template_and_a_row_are_the_circuit():
    batch = [bound(0.1 * i, 0.2, -0.0, phase=i) for i in range(1, 4)]
    for circuit, snapshot in zip(batch, snapshots(batch), strict=True):
        assert again(snapshot) == circuit
        assert again(snapshot).global_phase == circuit.global_phase


def changed(change):
    circuit = bound(0.1, 0.2)
    change(circuit)
    return circuit


def relabelled(circuit):
    circuit.data[1] = circuit.data[1].replace(operation=RXGate(0.1, label="mine"))


def moved(circuit):
    circuit.data[1] = circuit.data[1].replace(qubits=[circuit.qubits[1]])


def measured_elsewhere(circuit):
    first, second = circuit.data[-2], circuit.data[-1]
    circuit.data[-2] = first.replace(clbits=second.clbits)
    circuit.data[-1] = second.replace(clbits=first.clbits)


def another_gate(circuit):
    circuit.data[1] = circuit.data[1].replace(operation=Gate("rx", 1, [0.1]))


def another_register():
    circuit = QuantumCircuit(QuantumRegister(2, "mine"), ClassicalRegister(2, "meas"))
    return circuit.compose(bound(0.1, 0.2), circuit.qubits, circuit.clbits)


def loose_bits():
    circuit = QuantumCircuit([Qubit(), Qubit()], ClassicalRegister(2, "meas"))
    return circuit.compose(bound(0.1, 0.2), circuit.qubits, circuit.clbits)


@pytest.mark.parametrize(
    "other",
    [
        changed(relabelled),
        changed(moved),
        changed(measured_elsewhere),
        changed(another_gate),
        another_register(),
        loose_bits(),
        bound(0.1),
        bound(0.1, float("nan")),
        bound(0.1, A),
        changed(lambda circuit: circuit.delay(10, 0)),
        changed(lambda circuit: circuit.save_statevector()),
        changed(lambda circuit: circuit.unitary(np.eye(2), 0)),
        changed(lambda circuit: circuit.add_register(ClassicalRegister(1, "more"))),
        changed(lambda circuit: circuit.add_var("flag", False)),
    ],
    ids=lambda circuit: "",
)
def test_what_else_differs_is_another_circuit(other):
    first, second, stranger = snapshots([bound(0.1, 0.2), bound(0.3, 0.4), other])
    assert first.circuit is second.circuit
    assert stranger.circuit is not first.circuit
    assert stranger.row is None


@settings(max_examples=60)
@given(st.lists(circuits(flow=False), min_size=2, max_size=6))
def test_any_circuits(batch):
    batch += [circuit.copy() for circuit in batch]
    for circuit, snapshot in zip(batch, snapshots(batch), strict=True):
        assert [(one.operation, one.qubits, one.clbits) for one in again(snapshot).data] == [
            (one.operation, one.qubits, one.clbits) for one in circuit.data
        ]


def test_one_circuit_is_recognised_in_later_runs():
    memory = PatternMemory()
    found = [snapshots([bound(0.1 * index, 0.5)], memory)[0] for index in range(5)]
    assert [one.row is not None for one in found] == [False, True, True, True, True]
    assert found[1].circuit is found[2].circuit is found[3].circuit is found[4].circuit


def test_what_comes_again_as_it_was_stays_as_it_is():
    memory = PatternMemory()
    found = [snapshots([bound(0.1, angle)], memory)[0] for angle in (0.5, 0.5, 0.5, 0.7, 0.5, -0.0, 0.0)]
    assert [one.interned is not None for one in found] == [False] + 6 * [True]
    assert found[2].row is None
    assert circuit_of(found[2].circuit, MAKERS) == bound(0.1, 0.5)
    assert found[4].circuit is found[2].circuit
    assert [str(found[index].row[0, 2]) for index in (3, 5, 6)] == ["0.7", "-0.0", "0.0"]
    assert found[3].circuit is found[5].circuit is found[6].circuit


def test_a_zero_that_comes_again_with_another_sign_is_another_number():
    memory = PatternMemory()
    found = [snapshots([bound(0.0, angle)], memory)[0] for angle in (0.0, 0.0, -0.0)]
    assert found[2].row is not None


def ansatz(angle=A):
    circuit = QuantumCircuit(2)
    circuit.ry(angle, 0)
    circuit.rz(2 * angle + B, 1)
    circuit.rx(0.25, 1)
    circuit.cx(0, 1)
    circuit.measure_all()
    return circuit


def test_a_parametrised_circuit_that_comes_again_is_copied_once():
    memory, circuit = PatternMemory(), bound(A, B)
    found = [snapshots([circuit], memory)[0] for _ in range(4)]
    exact = hasattr(A, "structurally_equal")  # else expressions cannot be compared
    assert (found[1].circuit is found[2].circuit is found[3].circuit) is exact
    assert found[1].circuit is not circuit
    assert (snapshots([bound(A, B)], memory)[0].circuit is found[1].circuit) is exact, "an equal one, too"


def nearly(number):
    return float(np.nextafter(number, np.inf))


@pytest.mark.parametrize(
    "mutate",
    [
        lambda circuit: circuit.x(0),
        lambda circuit: circuit.data.pop(),
        lambda circuit: circuit.data.__setitem__(2, circuit.data[2].replace(operation=RXGate(nearly(0.25)))),
        lambda circuit: circuit.data.__setitem__(0, circuit.data[0].replace(operation=RXGate(A))),
        lambda circuit: circuit.assign_parameters({A: C}, inplace=True),
        lambda circuit: circuit.data.__setitem__(1, circuit.data[1].replace(operation=RZGate(nearly(2) * A + B))),
        lambda circuit: circuit.assign_parameters({A: 0.5}, inplace=True),
        lambda circuit: setattr(circuit, "global_phase", 1e-12),
    ],
    ids=range(8),
)
def test_a_circuit_that_was_changed_between_two_runs_is_noticed(mutate):
    memory, circuit = PatternMemory(), ansatz()
    before = [snapshots([circuit], memory)[0] for _ in range(3)][-1]
    mutate(circuit)
    after = snapshots([circuit], memory)[0]
    assert after.circuit is not before.circuit
    names = [[str(one) for one in step.params] for step in again(after).data]
    assert names == [[str(one) for one in step.params] for step in circuit.data]


def test_a_parameter_of_the_same_name_is_the_same_column():
    memory = PatternMemory()
    one, other = (snapshots([circuit], memory)[0] for circuit in (ansatz(), ansatz(Parameter("a"))))
    third = snapshots([ansatz(Parameter("a"))], memory)[0]
    assert one.interned is None
    assert other.circuit is third.circuit


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        (A, A, True),
        (A, C, False),
        (A, 2 * A, False),
        (2 * A, 2 * A, True),
        (2 * A, nearly(2) * A, False),
        (A + B + C, A + (B + C), False),
        (A + C * B, (A + C) * B, False),
    ],
)
def test_expressions_are_compared_in_every_bit(one, other, alike):
    found = [read(Reader(WRITERS).read(ansatz(value)))[0] for value in (one, other)]
    assert (found[0] == found[1]) is alike


def strangers(count, seed=1):
    """Circuits of a structure of its own each."""
    rng = np.random.default_rng(seed)
    for _ in range(count):
        circuit = QuantumCircuit(20)
        circuit.x(rng.permutation(20).tolist())
        yield circuit


def test_strangers_are_known_when_they_come_again():
    batch, memory = list(strangers(100)), PatternMemory()
    first, second, third = (snapshots(batch, memory) for _ in range(3))
    assert all(one.interned is None for one in first)
    assert all(one.interned is not None for one in second)
    assert [again(one) for one in second] == batch
    assert all(one.circuit is other.circuit for one, other in zip(second, third, strict=True))


def test_the_memory_is_bounded():
    memory = PatternMemory(limit=200_000)
    for size in range(1, 60):
        for _ in range(3):
            theta = ParameterVector("t", size)
            circuit = QuantumCircuit(size)
            for qubit in range(size):
                circuit.rx(theta[qubit], qubit)
            snapshots([circuit], memory)
            assert memory.kept.size <= memory.kept.limit
    assert memory.kept.size > memory.kept.limit / 2


def test_what_is_initialized_stays_as_it_was():
    """Qiskit's copies of Initialize share the state that they prepare."""
    circuit = QuantumCircuit(1, 1)
    circuit.initialize([0, 1], [0])
    assert circuit.copy().data[0].operation._stateprep is circuit.data[0].operation._stateprep
    (snapshot,) = snapshots([circuit])
    circuit.data[0].operation.params = [1, 0]
    assert again(snapshot).data[0].operation.params == [0, 1]


def test_numbers_that_aer_refuses_are_left_to_the_checks():
    from qiskit_cluster_provider.engines.aer.checks import check_work
    from qiskit_cluster_provider.errors import InvalidCircuitError

    with pytest.raises(InvalidCircuitError, match="'second' \\(index 1\\) has nan in its instruction 1"):
        check_work(work([bound(0.1, 0.2), bound(float("nan"), 0.2, name="second")]), None)
