"""Circuits: done at once, without an end, that Aer cannot run, and that no child survives."""

import os
import signal

import psutil
from qiskit.circuit import Gate, QuantumCircuit
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


class Deadly(Gate):
    """A gate that ends the process that reads it, but for the one that made it: as an abort in C++ does."""

    def __init__(self, number, home):
        super().__init__("id", 1, [])
        self.number = int(number)
        self.home = home
        if self.home != os.getpid():
            os.kill(os.getpid(), self.number)

    def __reduce__(self):
        return Deadly, (self.number, self.home)


class DeadlyToWorkers(Gate):
    """A gate that ends the worker whose child reads it, as the kernel does that ends a whole container."""

    def __init__(self, home):
        super().__init__("id", 1, [])
        self.home = home
        worker = _worker_of_this_process()
        if self.home not in (os.getpid(), worker):
            os.kill(worker, signal.SIGKILL)

    def __reduce__(self):
        return DeadlyToWorkers, (self.home,)


def _worker_of_this_process():
    """Of a child: its parent, or that of the process that has forked it."""
    found = psutil.Process().parent()
    while found.parent() is not None and "qiskit_cluster_provider.worker.child" in found.cmdline():
        found = found.parent()
    return found.pid


def deadly_to_workers(name="deadly to workers"):
    circuit = quick(name)
    circuit.append(DeadlyToWorkers(os.getpid()), [0])
    return circuit


def deadly(name="deadly", number=signal.SIGSEGV):
    circuit = quick(name)
    circuit.append(Deadly(number, os.getpid()), [0])
    return circuit
