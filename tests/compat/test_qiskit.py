"""Without each private name of Qiskit that circuits are read with."""

from qiskit import QuantumCircuit
from qiskit.circuit import Parameter

from qiskit_cluster_provider._compat import qiskit
from qiskit_cluster_provider.plan.circuits.columns import Kind
from tests.columns import columns_of

A, B = Parameter("a"), Parameter("b")


def swept():
    circuit = QuantumCircuit(1, name="swept")
    circuit.h(0)
    circuit.rz(2 * A + B, 0)
    circuit.rx(A, 0)
    circuit.measure_all()
    return circuit


def check(ours, oracle, same):
    binds = [{A: [0.1, 0.2], B: [0.3, 0.4]}]
    options = {"shots": 50, "seed_simulator": 7, "memory": True}
    same(ours.run(swept(), parameter_binds=binds, **options).result(), oracle.run(swept(), binds, **options).result())


def pickled(circuit):
    return [word.name for word in columns_of(circuit).words if word.kind == Kind.PICKLE]


def test_expressions_without_their_steps(backend, aer, same, without):
    check(backend, aer, same)
    assert pickled(swept()) == []
    without(qiskit.REPLAY)
    assert pickled(swept()) == ["rz"]
    check(backend, aer, same)


def test_expressions_without_numbers_to_begin_with(backend, aer, same, without):
    without(qiskit.VALUE)
    assert pickled(swept()) == ["rz"]
    check(backend, aer, same)
