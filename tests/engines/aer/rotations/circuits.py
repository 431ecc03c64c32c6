"""Circuits of all gates that are known as products of rotations, drawn at random."""

import numpy as np
from qiskit.circuit import ParameterVector, QuantumCircuit
from qiskit.circuit.library import UnitaryGate, get_standard_gate_name_mapping
from qiskit.quantum_info import Statevector, random_clifford, random_unitary

from qiskit_cluster_provider.engines.aer.rotations.gates import TURNS
from qiskit_cluster_provider.engines.aer.rotations.program import program_of
from qiskit_cluster_provider.engines.aer.rotations.reading import Sources
from tests.columns import columns_of

GATES = get_standard_gate_name_mapping()
PARAMETERS = 5


def random_circuit(rng, qubits, size):
    """One with ``PARAMETERS`` parameters, of which an expression or two is no sum."""
    theta = ParameterVector("t", PARAMETERS)
    names = [name for name in TURNS if GATES[name].num_qubits <= qubits]
    circuit = QuantumCircuit(qubits, global_phase=0.4)
    for parameter in theta:
        circuit.rx(parameter, int(rng.integers(qubits)))
    for _ in range(size):
        name = str(rng.choice(names))
        gate = GATES[name]
        where = rng.permutation(qubits)[: gate.num_qubits].tolist()
        circuit.append(gate.base_class(*[angle(rng, theta) for _ in gate.params]), where)
        if rng.random() < 0.1:
            circuit.append(UnitaryGate(random_unitary(2, seed=int(rng.integers(99)))), [where[0]])
        if rng.random() < 0.1 and qubits > 1:
            clifford = random_clifford(2, seed=int(rng.integers(99))).to_operator()
            circuit.append(UnitaryGate(clifford), rng.permutation(qubits)[:2].tolist())
        if rng.random() < 0.05:
            circuit.barrier()
    return circuit


def angle(rng, theta):
    """A number, a multiple of 90 degrees, a parameter, a sum of parameters, or an expression that is no sum."""
    one, other = rng.choice(len(theta), 2, replace=False).tolist()
    return [
        float(rng.uniform(-4, 4)),
        float(rng.integers(-4, 5)) * np.pi / 2,
        theta[one],
        0.25 * theta[one] - theta[other] / 3 + 0.5,
        -theta[one],
        theta[one] + np.pi / 2,
        2 * theta[one] * theta[other],
        theta[one].sin(),
        theta[one].abs(),
    ][rng.integers(9)]


def compiled(circuit, most=10**9):
    """Its program, and its sources."""
    columns = columns_of(circuit)
    sources = Sources(columns)
    return program_of(circuit.num_qubits, sources.gates(columns), most), sources


def plain_means(circuit, row, operators):
    """What Qiskit computes from the whole state."""
    state = Statevector(circuit.assign_parameters(row))
    return np.array([state.expectation_value(operator).real for operator in operators])
