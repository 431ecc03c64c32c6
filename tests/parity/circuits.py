"""Circuits drawn by hypothesis: what users run, from gates to control flow."""

import numpy as np
from hypothesis import strategies as st
from qiskit.circuit import ClassicalRegister, Parameter, QuantumCircuit, QuantumRegister
from qiskit.circuit.classical import expr
from qiskit.quantum_info import random_unitary

CLIFFORD_1 = ["h", "x", "y", "z", "s", "sdg", "sx"]
CLIFFORD_2 = ["cx", "cz", "swap"]
OTHER_1 = ["t", "tdg"]
ROTATIONS = ["rx", "ry", "rz", "p"]


@st.composite
def gates(draw, circuit, clifford):
    for _ in range(draw(st.integers(1, 8))):
        kind = draw(st.sampled_from(["one", "two"] if clifford else ["one", "two", "other", "angle"]))
        qubit = draw(st.integers(0, circuit.num_qubits - 1))
        if kind == "two" and circuit.num_qubits > 1:
            other = (qubit + 1 + draw(st.integers(0, circuit.num_qubits - 2))) % circuit.num_qubits
            getattr(circuit, draw(st.sampled_from(CLIFFORD_2)))(qubit, other)
        elif kind == "other":
            getattr(circuit, draw(st.sampled_from(OTHER_1)))(qubit)
        elif kind == "angle":
            angle = draw(st.floats(-4, 4, allow_nan=False))
            getattr(circuit, draw(st.sampled_from(ROTATIONS)))(angle, qubit)
        else:
            getattr(circuit, draw(st.sampled_from(CLIFFORD_1)))(qubit)
    return circuit


@st.composite
def circuits(draw, clifford=False, flow=True, measured=True):
    qubits = draw(st.integers(1, 4))
    creg = ClassicalRegister(qubits, "c")
    circuit = QuantumCircuit(
        QuantumRegister(qubits, "q"),
        creg,
        name=draw(st.text("abcdefgh", min_size=1, max_size=5)),
        metadata=draw(st.sampled_from([None, {}, {"a": 1}, {"nested": {"x": [1, 2.5]}, 3: (4,)}])),
        global_phase=draw(st.sampled_from([0.0, 0.25])),
    )
    draw(gates(circuit, clifford))
    if flow:
        kind = draw(st.sampled_from(["none", "measure", "reset", "if", "for", "switch", "while", "expr"]))
        if kind != "none":
            add_flow(circuit, kind)
            draw(gates(circuit, clifford))
    if measured:
        circuit.measure(range(qubits), range(qubits))
    return circuit


def add_flow(circuit, kind):
    creg = circuit.cregs[0]
    last = circuit.num_qubits - 1
    if kind == "reset":
        circuit.reset(0)
        return
    if kind == "for":
        with circuit.for_loop(range(3)):
            circuit.x(0)
            circuit.measure(0, 0)
            with circuit.if_test((creg[0], 1)):
                circuit.break_loop()
        return
    circuit.measure(0, 0)
    if kind == "if":
        with circuit.if_test((creg[0], 1)) as otherwise:
            circuit.x(last)
        with otherwise:
            circuit.h(last)
    elif kind == "switch":
        with circuit.switch(creg) as case:
            with case(0):
                circuit.x(last)
            with case(case.DEFAULT):
                circuit.h(last)
    elif kind == "while":
        with circuit.while_loop((creg[0], 1)):
            circuit.h(0)
            circuit.measure(0, 0)
            with circuit.if_test((creg[0], 0)):
                circuit.continue_loop()
    elif kind == "expr":
        with circuit.if_test(expr.logic_not(creg[0])):
            circuit.x(last)


def templates(qubits=2, parameters=2):
    """A parametrised circuit with expressions, and its parameters."""
    found = [Parameter(name) for name in "abcdef"[:parameters]]
    circuit = QuantumCircuit(qubits, name="template")
    for index, parameter in enumerate(found):
        circuit.rx(parameter, index % qubits)
        circuit.cx(0, qubits - 1) if qubits > 1 else circuit.h(0)
        circuit.rz(2 * parameter - 0.5 * found[0], index % qubits)
    circuit.ry(sum(found) / 3, 0)
    circuit.measure_all()
    return circuit, found


def kraus_and_unitary():
    from qiskit.quantum_info import Kraus

    circuit = QuantumCircuit(2, 2, name="channels")
    circuit.unitary(random_unitary(4, seed=1).data, [0, 1], label="labelled")
    amplitude = 0.3
    damping = [np.diag([1, np.sqrt(1 - amplitude)]), np.array([[0, np.sqrt(amplitude)], [0, 0]])]
    circuit.append(Kraus(damping).to_instruction(), [0])
    circuit.measure([0, 1], [0, 1])
    return circuit
