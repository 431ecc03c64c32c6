"""Every class of quantum error that the installed Aer has, found by looking, and two that it does not have yet."""

import inspect

from qiskit.quantum_info import Pauli
from qiskit_aer.noise import QuantumError
from qiskit_aer.noise.errors.base_quantum_error import BaseQuantumError

WEIGHTS = {1: {"I": 0.8, "X": 0.15, "Z": 0.05}, 2: {"II": 0.8, "XI": 0.05, "ZY": 0.15}}


def classes():
    """The concrete ones, subclasses of subclasses too, in Aer's own modules."""
    found, left = {}, [BaseQuantumError]
    while left:
        for one in left.pop().__subclasses__():
            left.append(one)
            if not inspect.isabstract(one) and one.__module__.startswith("qiskit_aer."):
                found[one.__name__] = one
    return dict(sorted(found.items()))


def make(kind, qubits=1):
    """An error of the class ``kind`` on that many qubits: Paulis and their weights, as all of Aer's classes take."""
    weights = WEIGHTS[qubits]
    if issubclass(kind, QuantumError):
        return kind([(Pauli(label), weight) for label, weight in weights.items()])
    return kind(list(weights), list(weights.values()))


class LaterError(BaseQuantumError):
    """An error as a later Aer may have it: it has what Aer asks any error for, and none of today's attributes."""

    def __init__(self, qubits=1):
        super().__init__(qubits)
        self.inner = {"strength": make(QuantumError, qubits)}

    def ideal(self):
        return False

    def to_quantumchannel(self):
        return self.inner["strength"].to_quantumchannel()

    def to_dict(self):
        return self.inner["strength"].to_dict() | {"id": self.id}

    def compose(self, other, qargs=None, front=False):
        raise NotImplementedError("a test composes no errors")

    tensor = expand = compose

    @property
    def circuits(self):
        raise AttributeError("what it consists of is its own affair")

    def _evolve(self, state, qargs=None):
        raise NotImplementedError("a test evolves no states")

    adjoint = conjugate = transpose = __array__ = None


class DerivedError(QuantumError):
    """A user's class over one of Aer's, which answers differently where Aer asks."""

    def to_dict(self):
        found = super().to_dict()
        found["probabilities"] = found["probabilities"][::-1]
        return found
