"""Circuits as rotations: the means of the plain way to rounding, and the bits of a row the same in any company."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qiskit.circuit import ParameterVector, QuantumCircuit
from qiskit.circuit.library import PauliEvolutionGate, UnitaryGate, efficient_su2
from qiskit.quantum_info import Operator, SparsePauliOp, random_unitary

from qiskit_cluster_provider.engines.aer.gates import PASSED_ON
from qiskit_cluster_provider.engines.aer.rotations import running
from qiskit_cluster_provider.engines.aer.rotations.gates import TURNS
from qiskit_cluster_provider.engines.aer.rotations.means import form_of, means

from .circuits import GATES, PARAMETERS, compiled, plain_means, random_circuit


def operators_of(rng, qubits, count=2, size=6):
    labels = [["".join(rng.choice(list("IXYZ"), qubits)) for _ in range(size)] for _ in range(count)]
    return [SparsePauliOp(some, rng.normal(size=size)) for some in labels]


def as_tuples(operators):
    return [(tuple(one.paulis.to_labels()), tuple(one.coeffs.real.tolist())) for one in operators]


def found_means(circuit, rows, operators):
    program, sources = compiled(circuit)
    forms = [form_of(program, operator) for operator in as_tuples(operators)]
    return means(program, forms, sources.values(rows), len(rows))


@pytest.mark.parametrize("name", TURNS)
def test_a_gate_is_the_product_of_its_turns(name):
    gate = GATES[name]
    gate = gate.base_class(*[0.3 + 0.4 * place for place in range(len(gate.params))])
    product = np.eye(2**gate.num_qubits, dtype=complex)
    for turn in TURNS[name]:
        letters = ["IXZY"[(turn.pauli.x >> q & 1) + 2 * (turn.pauli.z >> q & 1)] for q in range(gate.num_qubits)]
        number = 1.0 if turn.parameter is None else gate.params[turn.parameter]
        half = turn.factor * number / 2
        pauli = Operator(SparsePauliOp("".join(letters[::-1]))).data
        product = (np.cos(half) * np.eye(len(pauli)) - 1j * np.sin(half) * pauli) @ product
    overlap = np.trace(product.conj().T @ Operator(gate).data) / len(product)
    assert abs(overlap) == pytest.approx(1, abs=1e-13)


def test_the_gates_are_gates_that_aer_has():
    assert PASSED_ON.issuperset(TURNS)


@settings(max_examples=60)
@given(qubits=st.integers(1, 5), size=st.integers(0, 40), rows=st.integers(1, 4), seed=st.integers(0, 10**6))
def test_means_are_those_of_the_plain_way(qubits, size, rows, seed):
    rng = np.random.default_rng(seed)
    circuit = random_circuit(rng, qubits, size)
    values = rng.uniform(-3, 3, (rows, PARAMETERS))
    operators = operators_of(rng, qubits)
    found = found_means(circuit, values, operators)
    for row, numbers in zip(values, found, strict=True):
        assert np.allclose(numbers, plain_means(circuit, row, operators), rtol=0, atol=1e-12)


@settings(max_examples=30)
@given(
    qubits=st.integers(1, 6),
    size=st.integers(5, 40),
    seed=st.integers(0, 10**6),
    most=st.sampled_from([1, 200, 2**18]),
)
def test_a_row_has_the_same_bits_alone_and_in_any_company(qubits, size, seed, most):
    rng = np.random.default_rng(seed)
    circuit = random_circuit(rng, qubits, size)
    values = rng.choice([-0.0, 0.0, 0.3, -1.7, 2.9], (9, PARAMETERS))  # so that rows agree for a while
    operators = operators_of(rng, qubits)
    whole = found_means(circuit, values, operators)
    order = rng.permutation(len(values))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(running, "_NUMBERS", most)
        assert found_means(circuit, values[order], operators).tobytes() == whole[order].tobytes()
    for index in range(len(values)):
        alone = found_means(circuit, values[index : index + 1], operators)
        assert alone.tobytes() == whole[index : index + 1].tobytes()


def test_rows_share_a_state_as_long_as_they_agree():
    circuit = efficient_su2(4, reps=2)
    program, sources = compiled(circuit)
    size = circuit.num_parameters
    values = np.concatenate([np.zeros((1, size)), 0.1 * np.eye(size), np.zeros((1, size))]) + 0.3
    ((state, mine),) = running.states(program, sources.values(values), len(values))
    assert state.shape[2] == size + 1  # the last row is the first
    assert mine[0] == mine[-1]
    widths = []
    with pytest.MonkeyPatch.context() as patch:
        apply = running._apply
        patch.setattr(running, "_apply", lambda state, *rest: (widths.append(state.shape[2]), apply(state, *rest)))
        list(running.states(program, sources.values(values), len(values)))
    assert widths[0] <= 4
    assert sum(widths) < 0.7 * len(widths) * (size + 1)


def test_gates_that_cancel_are_no_steps():
    theta = ParameterVector("t", 2)
    circuit = QuantumCircuit(3)
    circuit.h(range(3))
    circuit.rx(theta[0], 1)
    circuit.cx(0, 1)
    circuit.rz(theta[1], 2)
    circuit.cx(0, 1)
    circuit.rx(-theta[0], 1)
    circuit.t(0)
    circuit.tdg(0)
    program, _ = compiled(circuit)
    assert len(program.steps) == 1


def test_a_rotation_under_ladders_is_one_step():
    theta = ParameterVector("t", 1)
    circuit = QuantumCircuit(5)
    circuit.h(range(5))
    for qubit in range(4):
        circuit.cx(qubit, qubit + 1)
    circuit.rz(theta[0], 4)
    for qubit in reversed(range(4)):
        circuit.cx(qubit, qubit + 1)
    program, _ = compiled(circuit)
    assert len(program.steps) == 1


def test_a_double_excitation_is_a_rotation_of_one_pair_in_eight():
    theta = ParameterVector("t", 1)
    signs = {"XXXY": 1, "XXYX": 1, "XYXX": -1, "YXXX": -1, "XYYY": 1, "YXYY": 1, "YYXY": -1, "YYYX": -1}
    circuit = QuantumCircuit(4)
    circuit.x([0, 1])
    evolution = PauliEvolutionGate(SparsePauliOp(list(signs), [0.125 * sign for sign in signs.values()]), theta[0])
    circuit.append(evolution, range(4))
    circuit = circuit.decompose(reps=6)
    program, _ = compiled(circuit)
    assert [len(step.first) for step in program.steps] == [1]
    assert len(program.basis) == 2
    assert program.real
    operators = operators_of(np.random.default_rng(1), 4)
    values = np.array([[0.7], [0.0], [-2.0]])
    found = found_means(circuit, values, operators)
    expected = [plain_means(circuit, row, operators) for row in values]
    assert np.allclose(found, expected, rtol=0, atol=1e-12)


def test_an_angle_that_is_nearly_a_right_one_is_kept():
    circuit = QuantumCircuit(1)
    circuit.ry(np.pi / 2 + 1e-9, 0)
    (found,) = found_means(circuit, np.empty((1, 0)), [SparsePauliOp("Z")])
    assert found[0] == pytest.approx(-1e-9, abs=1e-15)


@pytest.mark.parametrize(
    "steps", [lambda c: c.cswap(0, 1, 2), lambda c: c.append(UnitaryGate(random_unitary(4)), [0, 1])]
)
def test_a_circuit_with_another_gate_has_no_program(steps):
    circuit = QuantumCircuit(3)
    circuit.rx(0.3, 0)
    steps(circuit)
    assert compiled(circuit)[0] is None


def test_a_program_that_changes_too_much_is_not_made():
    circuit = efficient_su2(6, reps=2)
    program, _ = compiled(circuit)
    assert compiled(circuit, most=2 * program.moved)[0] is not None
    assert compiled(circuit, most=2 * program.moved - 1)[0] is None


def test_an_expression_without_a_value_is_not_a_number():
    theta = ParameterVector("t", 1)
    circuit = QuantumCircuit(1)
    circuit.rx(1 / theta[0], 0)
    circuit.ry(theta[0].log(), 0)
    _, sources = compiled(circuit)
    first, second = sources.values(np.array([[0.0], [-1.0], [1.0]]))
    assert np.array_equal(first, [np.nan, -1, 1], equal_nan=True)
    assert np.array_equal(second, [np.nan, np.nan, 0], equal_nan=True)
