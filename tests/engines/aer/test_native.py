"""Aer's C++ gets the calls that Aer's own assembler makes, in their order and with their arguments."""

from types import SimpleNamespace

import numpy as np
import pytest
import qiskit_aer  # noqa: F401  (it adds methods to circuits)
from hypothesis import given, settings
from hypothesis import strategies as st
from qiskit.circuit import ClassicalRegister, Gate, Parameter, QuantumCircuit, QuantumRegister
from qiskit.circuit import library as gates
from qiskit.quantum_info import (
    Kraus,
    Pauli,
    SparsePauliOp,
    StabilizerState,
    SuperOp,
    random_clifford,
    random_density_matrix,
    random_statevector,
    random_unitary,
)
from qiskit_aer.backends import aer_compiler
from qiskit_aer.noise import ReadoutError

from qiskit_cluster_provider.engines.aer.simulation import native
from tests.columns import columns_of

QUBITS = 5
FLIP = [np.eye(2) * 0.6, np.array([[0, 0.8], [0.8, 0]])]


class Recorder:
    """Stands in for ``AerCircuit``, and remembers what is asked of it."""

    def __init__(self):
        self.__dict__["calls"] = []

    def __getattr__(self, name):
        return lambda *arguments: self.calls.append((name, *arguments))

    def __setattr__(self, name, value):
        self.calls.append((name, value))


def recorded(make):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(native, "_AerCircuit", Recorder)
        patch.setattr(aer_compiler, "AerCircuit", Recorder)
        return make()


def theirs(circuit, basis_gates=None):
    """The calls of Aer's assembler, and of each instruction the place of its last operation."""
    (found,), (ends,) = recorded(lambda: aer_compiler.assemble_circuits([circuit], basis_gates))
    return plain(found.calls), ends


def ours(circuit, basis_gates=None):
    """The same of ours; ``None`` if it leaves the circuit to Aer's compiler."""
    found = recorded(lambda: native.native_of(columns_of(circuit), basis_gates))
    return None if found is None else (plain(found.circuit.calls), found)


def plain(value):
    """``value`` in a form that is equal only to what is equal in every bit for C++."""
    if isinstance(value, SimpleNamespace):
        return plain(vars(value))
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items()}
    if isinstance(value, np.ndarray) and value.ndim:
        return value.astype(complex).shape, value.astype(complex).tobytes()
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    if isinstance(value, (int, float, complex, np.number)):
        return np.array(value, dtype=complex).tobytes()
    return value


def of(method, *arguments, **options):
    """What a method of circuits appends."""
    circuit = QuantumCircuit(QUBITS, 1)
    getattr(circuit, method)(*arguments, **options)
    return circuit.data[0].operation


def saves(method, *arguments):
    """The same with another label for each place in the circuit, since Aer refuses one that comes twice."""
    return lambda index: of(method, *arguments, label=f"saved {index}")


FIXED = {
    "h": gates.HGate(),
    "rx": gates.RXGate(0.1),
    "rx of an integer": gates.RXGate(2),
    "u": gates.UGate(0.1, 0.2, -0.3),
    "cu": gates.CUGate(0.1, -0.2, 0.3, 0.4),
    "cx": gates.CXGate(),
    "open cx": gates.CXGate(ctrl_state=0),
    "open crx": gates.CRXGate(0.7, ctrl_state=0),
    "open ccx": gates.CCXGate(ctrl_state=2),
    "mcx": gates.MCXGate(4),
    "open mcx": gates.MCXGate(4, ctrl_state=9),
    "open c4x": gates.C4XGate(ctrl_state=5),
    "mcphase": gates.MCPhaseGate(0.4, 3),
    "open mcphase": gates.MCPhaseGate(0.4, 3, ctrl_state=1),
    "unitary": gates.UnitaryGate(random_unitary(4, seed=1)),
    "diagonal": gates.DiagonalGate([1, -1, 1j, 1]),
    "pauli": gates.PauliGate("XYZ"),
    "multiplexer": gates.UCGate([np.eye(2), random_unitary(2, seed=2).data]),
    "a gate that is only named as one": Gate("rz", 1, [0.3]),
    "delay": of("delay", 100, 0),
    "delay in ns": of("delay", 2.5, 0, "ns"),
    "measure": of("measure", 0, 0),
    "reset": of("reset", 0),
    "barrier": of("barrier", 0, 1, 2),
    "initialize": of("initialize", [0.6, 0.8j], 0),
    "kraus": Kraus(FLIP).to_instruction(),
    "superop": SuperOp(Kraus(FLIP)).to_instruction(),
    "roerror": ReadoutError([[0.9, 0.1], [0.2, 0.8]]).to_instruction(),
    "set_statevector": of("set_statevector", random_statevector(2**QUBITS, seed=3)),
    "set_density_matrix": of("set_density_matrix", random_density_matrix(2**QUBITS, seed=4)),
    "set_unitary": of("set_unitary", random_unitary(2**QUBITS, seed=5)),
    "set_superop": of("set_superop", SuperOp(np.eye(4**QUBITS))),
    "set_stabilizer": of("set_stabilizer", StabilizerState(random_clifford(QUBITS, seed=6))),
}
SAVED = {
    method: saves(method, *arguments)
    for method, *arguments in [
        ("save_statevector",), ("save_statevector_dict",), ("save_density_matrix", [0, 2]),
        ("save_probabilities", [1]), ("save_probabilities_dict",), ("save_matrix_product_state",), ("save_unitary",),
        ("save_superop",), ("save_state",), ("save_stabilizer",), ("save_clifford",),
        ("save_amplitudes", [3, 1]), ("save_amplitudes_squared", [2]),
        ("save_expectation_value", SparsePauliOp(["XY", "ZZ"], [0.5, 2]), [0, 3]),
        ("save_expectation_value_variance", Pauli("XZ"), [2, 1]),
    ]
}  # fmt: skip
KINDS = {**FIXED, **SAVED}


def circuit_of(steps):
    """``(kind, where it begins, label)`` for each instruction."""
    circuit = QuantumCircuit(QuantumRegister(2, "q"), ClassicalRegister(2, "c"), name="steps", global_phase=0.3)
    circuit.add_register(QuantumRegister(QUBITS - 2, "rest"))
    for index, (kind, shift, label) in enumerate(steps):
        made = KINDS[kind]
        made = made(index) if kind in SAVED else made
        if label and kind in FIXED and kind not in ("measure", "reset"):
            made = made.to_mutable()
            made.label = label
        on = [(shift + place) % QUBITS for place in range(made.num_qubits)]
        circuit.append(made, on, [index % 2] * made.num_clbits)
    return circuit


STEPS = st.tuples(st.sampled_from(sorted(KINDS)), st.integers(0, QUBITS - 1), st.sampled_from([None, "mine"]))


@settings(max_examples=60)
@given(steps=st.lists(STEPS, max_size=12))
def test_the_calls_are_those_of_aers_assembler(steps):
    circuit = circuit_of(steps)
    calls, ends = theirs(circuit)
    found, made = ours(circuit)
    assert found == calls
    assert made.operations == (ends[-1] + 1 if ends else 0)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_each_kind(kind):
    circuit = circuit_of([(kind, 1, "mine"), (kind, 0, None)])
    assert ours(circuit)[0] == theirs(circuit)[0]


@pytest.mark.parametrize("kind", ["cx", "open cx", "unitary", "mcx"])
def test_a_device_has_its_own_gates(kind):
    circuit = circuit_of([("rx", 0, None), (kind, 1, None)])
    basis = ["rx", "cx", "x"]
    if "cx" in kind.split():
        assert ours(circuit, basis)[0] == theirs(circuit, basis)[0]
    elif kind == "mcx":
        assert ours(circuit, basis) is None, "Aer's own assembler says so"


@pytest.mark.parametrize(
    "operation",
    [gates.RXGate, lambda a: gates.CRXGate(a, ctrl_state=0), lambda a: gates.MCPhaseGate(a, 2, ctrl_state=1)],
)
def test_where_the_parameters_are(operation):
    angle, other = Parameter("angle"), Parameter("other")
    circuit = QuantumCircuit(4)
    circuit.append(gates.CCXGate(ctrl_state=0), [0, 1, 2])
    made = operation(2 * angle)
    circuit.append(made, range(made.num_qubits))
    circuit.barrier()
    circuit.u(0.1, other, angle, 3)
    calls, ends = theirs(circuit)
    found, built = ours(circuit)
    assert found == calls
    opened = made.num_qubits - 1 - bin(getattr(made, "ctrl_state", 0)).count("1") if made.num_qubits > 1 else 0
    places = [(free.operation, free.place) for free in built.free]
    assert places == [(ends[1] - opened, 0), (ends[3], 1), (ends[3], 2)]
    assert [free.instruction for free in built.free] == [1, 3, 3]


@pytest.mark.parametrize("state", ["01", 2])
def test_what_aers_compiler_writes_out_is_left_to_it(state):
    circuit = QuantumCircuit(2)
    circuit.initialize(state, [0, 1])
    assert ours(circuit) is None


def test_the_cpp_circuits_say_the_same_of_themselves():
    """With Aer's own class; it tells the names and qubits of its operations."""
    kinds = [kind for kind in sorted(FIXED) if kind != "set_superop"]
    circuit = circuit_of([(kind, 0, None) for kind in kinds])
    (expected,), _ = aer_compiler.assemble_circuits([circuit])
    made = native.native_of(columns_of(circuit), None).circuit
    made.seed = expected.seed = 1
    assert repr(made) == repr(expected)
