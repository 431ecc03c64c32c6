"""Neither QPY nor pickle carries every circuit; the wire format does, with a test for each kind."""

import re
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from qiskit import qpy, transpile
from qiskit.circuit import Clbit, Gate, Parameter, ParameterVector, QuantumCircuit, QuantumRegister
from qiskit.circuit.classical import expr, types
from qiskit.circuit.library import DiagonalGate, Initialize, UCGate, XGate
from qiskit.quantum_info import Operator, Pauli, random_clifford, random_statevector
from qiskit_aer import AerSimulator
from qiskit_aer.noise import ReadoutError, amplitude_damping_error

from qiskit_cluster_provider.engines.aer.checks import check_work
from qiskit_cluster_provider.engines.aer.operations import MAKERS, WRITERS
from qiskit_cluster_provider.engines.aer.preparation import prepare
from qiskit_cluster_provider.engines.aer.settings import RunSettings
from qiskit_cluster_provider.errors import InvalidCircuitError, WireError
from qiskit_cluster_provider.options import SliceOptions
from qiskit_cluster_provider.plan.circuits.columns import Kind
from qiskit_cluster_provider.plan.circuits.reading import Reader
from qiskit_cluster_provider.plan.circuits.rebuilding import circuit_of
from qiskit_cluster_provider.testing import differences
from qiskit_cluster_provider.wire import decode_circuits, encode_circuits

from ..parity.circuits import add_flow, circuits, kraus_and_unitary, templates


def sent(*given):
    """Circuits as a worker has them."""
    read = Reader(WRITERS).read
    return [circuit_of(one, MAKERS) for one in decode_circuits(encode_circuits([read(one) for one in given]))]


def pickles(circuit):
    """The names of the operations that are pickled."""
    read = Reader(WRITERS).read(circuit)
    return {word.name for part in read.everywhere() for word in part.words if word.kind == Kind.PICKLE}


def with_flow(kind):
    circuit = QuantumCircuit(2, name=kind)
    from qiskit.circuit import ClassicalRegister

    circuit.add_register(ClassicalRegister(2, "c"))
    circuit.h(0)
    add_flow(circuit, kind)
    circuit.measure([0, 1], [0, 1])
    return circuit


def with_save(*names):
    circuit = QuantumCircuit(2, name="saves")
    circuit.h(0)
    for name in names:
        getattr(circuit, f"save_{name}")(label=name)
    circuit.save_expectation_value(Pauli("ZZ"), [0, 1], pershot=True)
    circuit.save_amplitudes([0, 3])
    return circuit


def with_everything():
    """Switch with a default and save instructions, which QPY and pickle both lose."""
    circuit = with_flow("switch")
    circuit.save_probabilities()
    return circuit


def with_sets():
    circuit = QuantumCircuit(2)
    circuit.set_statevector(random_statevector(4, seed=1))
    circuit.set_matrix_product_state(([(np.eye(1, 1), np.zeros((1, 1)))] * 2, [np.ones(1)]))
    circuit.set_stabilizer(random_clifford(2, seed=1))
    circuit.set_unitary(Operator.from_label("XH"))
    return circuit


def with_channels():
    circuit = QuantumCircuit(2, 2)
    circuit.append(amplitude_damping_error(0.2), [0])
    circuit.append(ReadoutError([[0.9, 0.1], [0.2, 0.8]]), [], [0])
    circuit.measure([0, 1], [0, 1])
    return circuit


def with_variables():
    circuit = QuantumCircuit(2, 2)
    flag = circuit.add_var("flag", expr.lift(False))
    circuit.h(0)
    circuit.measure(0, 0)
    circuit.store(flag, circuit.clbits[0])
    with circuit.if_test(flag):
        circuit.x(1)
    circuit.measure(1, 1)
    assert flag.type == types.Bool()
    return circuit


def with_odd_gates():
    circuit = QuantumCircuit(3, 1, name="odd ünïcode 'name'", global_phase=1.5)
    circuit.append(UCGate([np.eye(2), np.array([[0, 1], [1, 0]])]), [0, 1])
    circuit.append(XGate(label="labelled"), [0])
    circuit.append(XGate().control(2, ctrl_state=1), [0, 1, 2])
    circuit.mcx([0, 1], 2)
    circuit.append(Initialize([1, 0, 0, 0]), [0, 1])
    circuit.append(DiagonalGate([1, -1, 1, -1]), [0, 1])
    circuit.pauli("XYZ", [0, 1, 2])
    circuit.delay(100, 0, unit="ns")
    circuit.barrier()
    return circuit


def of_a_transpiler():
    circuit = QuantumCircuit(3)
    circuit.h(0)
    circuit.cx(0, 2)
    circuit.measure_all()
    return transpile(circuit, coupling_map=[[0, 1], [1, 2]], basis_gates=["cx", "rz", "sx"], seed_transpiler=1)


KINDS = {
    "plain": with_flow("reset"),
    **{kind: with_flow(kind) for kind in ("if", "for", "while", "switch", "expr")},
    "saves": with_save("statevector", "density_matrix", "probabilities", "state"),
    "switch and saves": with_everything(),
    "sets": with_sets(),
    "channels": with_channels(),
    "variables": with_variables(),
    "odd gates": with_odd_gates(),
    "kraus": kraus_and_unitary(),
    "template": templates(3, 3)[0],
    "transpiled": of_a_transpiler(),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_comes_back_whole(kind):
    circuit = KINDS[kind]
    (back,) = sent(circuit)
    assert pickles(circuit) <= {"quantum_channel"}
    assert back.name == circuit.name
    assert [r.name for r in back.cregs] == [r.name for r in circuit.cregs]
    same_data(circuit, back)


def same_data(circuit, back):
    """Whether two circuits have the same operations on the same bits, in blocks too."""
    assert back.global_phase == circuit.global_phase or str(back.global_phase) == str(circuit.global_phase)
    assert [str(one) for one in back.parameters] == [str(one) for one in circuit.parameters]
    for before, after in zip(circuit.data, back.data, strict=True):
        assert [circuit.find_bit(bit).index for bit in (*before.qubits, *before.clbits)] == [
            back.find_bit(bit).index for bit in (*after.qubits, *after.clbits)
        ]
        one, other = before.operation, after.operation
        assert base(one) is base(other)
        assert (one.name, one.label) == (other.name, other.label)
        assert getattr(one, "_subtype", None) == getattr(other, "_subtype", None)
        assert getattr(one, "unit", None) == getattr(other, "unit", None)
        assert getattr(one, "ctrl_state", None) == getattr(other, "ctrl_state", None)
        for left, right in zip(one.params, other.params, strict=True):
            if isinstance(left, np.ndarray):
                assert np.array_equal(left, right)
            elif isinstance(left, QuantumCircuit):
                same_data(left, right)
            else:
                assert left == right or text(left) == text(right)
                assert type(left) is type(right)


def base(operation):
    """Its class; of a singleton, of the class that it stands for."""
    return getattr(operation, "base_class", type(operation))


def text(value):
    """What it is, but for the identity of variables, which are made again."""
    return re.sub(r"UUID\('[^']*'\)", "", str(value))


def test_qpy_does_not_carry_save_instructions(tmp_path):
    file = tmp_path / "saves.qpy"
    with file.open("wb") as out:
        qpy.dump(with_save("statevector"), out)
    with file.open("rb") as back:
        loaded = qpy.load(back)[0]
    assert not hasattr(loaded.data[1].operation, "_subtype"), "QPY carries save instructions now"


def test_order_and_mixture_are_kept():
    batch = [*KINDS.values()] * 2
    assert [c.name for c in sent(*batch)] == [c.name for c in batch]


@settings(max_examples=30)
@given(circuits())
def test_a_decoded_circuit_runs_as_the_original(circuit):
    (back,) = sent(circuit)
    back.metadata = circuit.metadata
    aer = AerSimulator(max_parallel_threads=1)
    options = {"seed_simulator": 1, "shots": 20, "memory": True}
    assert differences(aer.run(back, **options).result(), aer.run(circuit, **options).result()) == []


def test_parameters_keep_their_order_and_expressions_their_value():
    vector = ParameterVector("v", 12)
    extra = Parameter("α")
    circuit = QuantumCircuit(1)
    for index, element in enumerate(vector):
        circuit.rx(element * index / 3 - extra**2 + extra.sin(), 0)
    (back,) = sent(circuit)
    assert [str(one) for one in back.parameters] == [str(one) for one in circuit.parameters]
    values = np.linspace(0.1, 0.9, 13)
    bound = [c.assign_parameters(values) for c in (circuit, back)]
    assert [i.operation.params for i in bound[0].data] == [i.operation.params for i in bound[1].data]


def test_a_gate_of_a_notebook_travels():
    """Its class is in no module that a worker could import."""
    namespace = {"Gate": Gate, "__name__": "__main__"}
    exec("class Mine(Gate):\n    def __init__(self):\n        super().__init__('mine', 1, [])", namespace)
    circuit = QuantumCircuit(1)
    circuit.append(namespace["Mine"](), [0])
    (back,) = sent(circuit)
    assert back.data[0].operation.name == "mine"


def test_what_cannot_be_pickled_is_named():
    gate = Gate("bad", 1, [])
    gate.lock = threading.Lock()
    circuit = QuantumCircuit(1, name="holds a lock")
    circuit.append(gate, [0])
    with pytest.raises(WireError, match="lock"):
        sent(circuit)
    with pytest.raises(
        InvalidCircuitError, match="'holds a lock' \\(index 0\\) has the operation 'bad', which cannot be"
    ):
        check_work(prepare([circuit], None, RunSettings({"shots": 1}, SliceOptions())), None)


def test_a_bit_without_a_register_in_nested_conditions():
    """QPY gives the inner block a second bit of it, which Aer does not find."""
    circuit = QuantumCircuit(QuantumRegister(1, "q"), [Clbit()], name="loose")
    circuit.h(0)
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)), circuit.if_test((circuit.clbits[0], 1)):
        circuit.x(0)
    circuit.measure(0, 0)
    (back,) = sent(circuit)
    theirs, ours = (AerSimulator().run(one, seed_simulator=1, memory=True).result() for one in (circuit, back))
    assert differences(ours, theirs) == []
