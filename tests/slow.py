"""A circuit that is done at once, one that outlasts every test, and one that Aer cannot run."""

from qiskit.circuit import QuantumCircuit
from qiskit.circuit.classical import expr


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


def unsupported(name="unsupported"):
    """Aer has no shifts in conditions; that shows only on the worker, and costs all of a batch of Aer's."""
    circuit = QuantumCircuit(1, 1, name=name)
    circuit.measure(0, 0)
    with circuit.if_test(expr.equal(expr.shift_left(circuit.cregs[0], 1), 0)):
        circuit.x(0)
    circuit.measure(0, 0)
    return circuit
