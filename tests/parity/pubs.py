"""PUBs drawn by hypothesis: what users give to primitives, in all shapes."""

import numpy as np
from hypothesis import strategies as st
from qiskit.circuit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.quantum_info import Pauli, SparseObservable, SparsePauliOp
from qiskit_aer.noise import NoiseModel, ReadoutError, amplitude_damping_error, depolarizing_error

from .circuits import circuits, templates

SHAPES = [(), (1,), (3,), (2, 2), (2, 1, 3)]
BROADCASTS = [  # of parameter sets, of observables
    ((), ()),
    ((3,), ()),
    ((), (2,)),
    ((3,), (3,)),
    ((2, 1), (3,)),
    ((2, 3), (3,)),
    ((1, 3), (2, 1)),
    ((2, 1, 3), (4, 1)),
    ((5,), (1,)),
    ((1,), (5,)),
]


def noise(kind):
    model = NoiseModel()
    if kind == "readout":
        model.add_all_qubit_readout_error(ReadoutError([[0.9, 0.1], [0.2, 0.8]]))
    elif kind == "depolarizing":
        model.add_all_qubit_quantum_error(depolarizing_error(0.05, 1), ["h", "rx", "ry", "rz", "x"])
        model.add_all_qubit_quantum_error(depolarizing_error(0.1, 2), ["cx", "cz"])
        model.add_all_qubit_readout_error(ReadoutError([[0.9, 0.1], [0.2, 0.8]]))
    elif kind == "damping":
        model.add_all_qubit_quantum_error(amplitude_damping_error(0.1), ["h", "rx", "ry", "x"])
    else:
        return None
    return model


def several_registers():
    """Registers of several sizes, one of them wider than a byte, measured in a loose order."""
    qubits = QuantumRegister(5, "q")
    registers = [ClassicalRegister(size, name) for size, name in ((2, "a"), (9, "wide"), (1, "z"))]
    circuit = QuantumCircuit(qubits, *registers, name="registers", metadata={"of": "several"})
    circuit.h(range(5))
    circuit.cx(0, 3)
    circuit.measure([0, 1], [1, 0])
    circuit.measure([2, 3, 4, 0], [2, 5, 10, 11])
    return circuit


@st.composite
def sampler_pubs(draw):
    kind = draw(st.sampled_from(["plain", "plain", "rows", "rows", "registers", "unmeasured"]))
    shots = draw(st.sampled_from([None, None, 1, 20]))
    if kind == "rows":
        circuit, parameters = templates(draw(st.integers(1, 3)), draw(st.integers(1, 3)))
        shape = (*draw(st.sampled_from(SHAPES)), len(parameters))
        return circuit, values(draw, shape), shots
    if kind == "registers":
        return several_registers(), None, shots
    if kind == "unmeasured":
        circuit = QuantumCircuit(2, 3, name="unmeasured")
        circuit.h(0)
        return circuit, None, shots
    return draw(circuits()), None, shots


def values(draw, shape):
    seed = draw(st.integers(0, 1000))
    return np.random.default_rng(seed).uniform(-3, 3, shape)


@st.composite
def observables(draw, qubits):
    labels = st.lists(st.text("IXYZ", min_size=qubits, max_size=qubits), min_size=1, max_size=5, unique=True)
    kind = draw(st.sampled_from(["text", "pauli", "sum", "mapping", "sparse"]))
    chosen = draw(labels)
    weights = draw(st.lists(st.sampled_from([1.0, -0.5, 0.1, 3.25]), min_size=len(chosen), max_size=len(chosen)))
    if kind == "text":
        return chosen[0]
    if kind == "pauli":
        return Pauli(chosen[0])
    if kind == "sum":
        return SparsePauliOp(chosen, weights)
    if kind == "mapping":
        return dict(zip(chosen, weights, strict=True))
    return SparseObservable.from_list(list(zip(chosen, weights, strict=True)))


@st.composite
def estimator_pubs(draw, flow=False):
    rows, many = draw(st.sampled_from(BROADCASTS))
    qubits = draw(st.integers(1, 3))
    circuit, parameters = templates(qubits, draw(st.integers(1, 3)))
    circuit = circuit.remove_final_measurements(inplace=False)
    if flow:
        circuit.reset(0)
        circuit.h(0)
    pool = draw(st.lists(observables(qubits), min_size=1, max_size=4))
    chosen = np.empty(many, dtype=object)
    for index in np.ndindex(*many):
        chosen[index] = draw(st.sampled_from(pool))
    precision = draw(st.sampled_from([None, None, 0.0, 0.2]))
    return circuit, chosen.tolist() if many else chosen[()], values(draw, (*rows, len(parameters))), precision
