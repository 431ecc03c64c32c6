"""A circuit that is done at once, and one that outlasts every test."""

from qiskit.circuit import QuantumCircuit


def quick(name="quick"):
    circuit = QuantumCircuit(2, 2, name=name)
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.measure([0, 1], [0, 1])
    return circuit


def endless(name="endless"):
    """Aer runs it until its process is ended: the loop's condition never fails."""
    circuit = QuantumCircuit(1, 1, name=name)
    circuit.x(0)
    circuit.measure(0, 0)
    with circuit.while_loop((circuit.clbits[0], 1)):
        circuit.measure(0, 0)
    return circuit
