"""Expressions over parameters as steps, and made again of them."""

import numpy as np
import pytest
from qiskit.circuit import ParameterVector, QuantumCircuit
from qiskit.circuit.library import CRXGate, MCPhaseGate, RXGate
from qiskit.quantum_info import Operator

from qiskit_cluster_provider.plan.circuits.columns import Kind
from qiskit_cluster_provider.plan.circuits.expressions import made_of, steps_of
from qiskit_cluster_provider.plan.circuits.rebuilding import circuit_of

from ..columns import columns_of

X = ParameterVector("x", 3)


@pytest.mark.parametrize(
    "expression",
    [
        2 * (np.pi - X[0]) * (np.pi - X[1]),  # of the ZZ feature map: a number is left of what was made before
        2 * (np.pi - X[0]),
        (np.pi - X[0]) * X[1],
        X[2] * (X[0] - X[1]),
        (X[0] + X[1]) - (X[1] * X[2]),
        2 / (1 + X[0]),
        (X[0] * X[1]).sin() - 0.5,
        -(X[0] / 3).cos(),
    ],
    ids=str,
)
def test_an_expression_is_made_again_of_its_steps(expression):
    steps = steps_of(expression, lambda parameter: parameter.index)
    assert steps is not None
    again = made_of(steps, X)
    assert str(again) == str(expression)
    values = {parameter: 0.3 + 0.4 * parameter.index for parameter in expression.parameters}
    assert float(again.bind(values)) == float(expression.bind(values))


@pytest.mark.parametrize(
    "gate",
    [
        CRXGate(X[0] + 1, ctrl_state=0),
        MCPhaseGate(X[0] + 1, 2),
        RXGate(X[0] + 1, label="mine"),
        RXGate(X[0] + 1),
    ],
    ids=["open control", "many controls", "label", "plain"],
)
def test_an_expression_without_a_form_is_pickled_with_its_gate(gate, monkeypatch):
    """Every step of today's Qiskit has a form; those of a later one need not."""
    monkeypatch.setattr("qiskit_cluster_provider.plan.circuits.tables.steps_of", lambda *_: None)
    circuit = QuantumCircuit(3)
    circuit.append(gate, range(gate.num_qubits))
    columns = columns_of(circuit)
    assert [word.kind for word in columns.words] == [Kind.PICKLE]
    assert columns.numbers.size == 0
    again, original = (one.assign_parameters([0.3]) for one in (circuit_of(columns, {}), circuit))
    assert Operator(again) == Operator(original)
    assert again.data[0].label == original.data[0].label
