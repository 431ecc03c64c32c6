"""The form of circuits in messages: canonical, and safe to read whoever wrote it."""

import os
import subprocess
import sys
import time
import tracemalloc
from contextlib import suppress

import numpy as np
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from qiskit.circuit import ClassicalRegister, Clbit, Parameter, ParameterVector, QuantumCircuit, QuantumRegister
from qiskit.circuit.classical import expr
from qiskit.circuit.library import DiagonalGate, efficient_su2
from qiskit.quantum_info import Kraus

from qiskit_cluster_provider.engines.aer.operations import MAKERS
from qiskit_cluster_provider.errors import WireError
from qiskit_cluster_provider.plan.circuits.rebuilding import circuit_of
from qiskit_cluster_provider.wire import decode_circuits, digest, encode_circuits
from qiskit_cluster_provider.wire.columns import columns_of as columns_from
from qiskit_cluster_provider.wire.columns import data_of
from qiskit_cluster_provider.wire.envelope import MAGIC, VERSION, pack, unpack

from ..columns import columns_of
from ..parity.circuits import circuits, kraus_and_unitary

FROZEN = {
    "gates": "5e24d832ee5526ea59462919594acac1bd9adbb65f0813296a8e230c40fbc7fe",
    "a template": "e1d489412e66cf88e583c6a6be7d5145fd2a84e1ca732ce730135b25c59d37df",
    "matrices": "d166cc9da543964b6e8d5a08fc420db8ba881cbf548fdd35f8dab4748d58fdee",
    "control flow": "4ec3cb386de5d68a97fb9058119fd862eec995c0de61ee649cde08d3743e0907",
    "variables": "71b6d936bf70eb40d7c3afbee7c83f0381ee1feabaec0a21e235e774d504fee1",
    "saves": "9dc8ec451e788481443ee5f75092365b2aa4ed26ce50f8d82ceb5cd94c41bfae",
    "an ansatz": "8d510a333ac7757afc216a390a02ae64053cdaabb9f52d5eccba427dd918157b",
}
"""Digests that each process, machine and release with this format must find: a store keeps results by them."""


def gates():
    circuit = QuantumCircuit(QuantumRegister(2, "q"), ClassicalRegister(2, "c"), name="gates", global_phase=0.25)
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.rz(-0.0, 1)
    circuit.barrier()
    circuit.measure([0, 1], [1, 0])
    return circuit


def flow():
    shared = [Clbit() for _ in range(2)]
    registers = [ClassicalRegister(name="one", bits=shared), ClassicalRegister(name="other", bits=shared[::-1])]
    circuit = QuantumCircuit(QuantumRegister(2, "q"), *registers, name="flow")
    circuit.h(0)
    circuit.measure(0, 0)
    with circuit.if_test((registers[0], 1)) as otherwise, circuit.for_loop(range(3)) as turn:
        circuit.rx(turn * 0.5, 1)
    with otherwise, circuit.switch(registers[1]) as case:
        with case(0, 2):
            circuit.x(1)
        with case(case.DEFAULT):
            circuit.delay(12, 1, "ns")
    with circuit.while_loop(expr.less(registers[0], 2)):
        circuit.measure(1, 1)
        circuit.break_loop()
    return circuit


def variables():
    circuit = QuantumCircuit(2, 2, name="variables")
    flag = circuit.add_var("flag", expr.lift(False))
    circuit.h(0)
    circuit.measure(0, 0)
    circuit.store(flag, expr.bit_xor(circuit.clbits[0], flag))
    with circuit.if_test(flag):
        circuit.x(1)
    return circuit


def template():
    """Without a difference: Qiskit itself makes one of several of ``2 * b - 0.5 * a``, by chance."""
    a, b = Parameter("a"), Parameter("b")
    circuit = QuantumCircuit(2, name="template", global_phase=a / 2)
    circuit.rx(a, 0)
    circuit.rz(2 * b, 1)
    circuit.rz((a + 0.25) * b, 1)
    circuit.ry(b.sin(), 0)
    return circuit


def matrices():
    circuit = QuantumCircuit(2, name="matrices")
    circuit.unitary(np.array([[0, 1], [1, 0]]), 0, label="labelled")
    circuit.append(Kraus([np.diag([1, 0]), np.array([[0, 1], [0, 0]])]).to_instruction(), [1])
    circuit.append(DiagonalGate([1, -1]), [0])
    return circuit


def saves():
    circuit = QuantumCircuit(1, name="saves")
    circuit.h(0)
    circuit.save_probabilities(label="p", pershot=True)
    circuit.save_statevector()
    return circuit


def frozen():
    ansatz = efficient_su2(3, reps=1)
    ansatz.name = "ansatz"
    made = (gates(), template(), matrices(), flow(), variables(), saves(), ansatz)
    return dict(zip(FROZEN, made, strict=True))


def digests():
    return {name: digest(columns_of(circuit)) for name, circuit in frozen().items()}


def test_equal_circuits_have_equal_digests_in_every_process():
    found = digests()
    for seed in ("0", "1", "12345"):
        code = "from tests.wire.test_columns import digests; print(digests())"
        ran = subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
        )
        assert ran.stdout.strip() == str(found)


@pytest.mark.parametrize("name", FROZEN)
def test_digests_are_those_of_every_release(name):
    """If this fails, what was stored by circuits is not found any more: raise the version of the format."""
    assert digests()[name] == FROZEN[name]


@settings(max_examples=60)
@given(circuits())
def test_columns_come_back_and_are_written_in_the_same_bytes(circuit):
    columns = columns_of(circuit)
    written = pack(data_of(columns))
    back = columns_from(unpack(written))
    assert pack(data_of(back)) == written
    again = columns_of(circuit_of(back, MAKERS))
    assert digest(again) == digest(columns), "and so is what is made of them"
    assert digest(columns_of(circuit.copy("another name"))) == digest(columns)


@pytest.mark.parametrize(
    "change",
    [
        lambda circuit: setattr(circuit, "global_phase", 0.5),
        lambda circuit: circuit.x(0),
        lambda circuit: circuit.data.__setitem__(2, circuit.data[2].replace(qubits=[circuit.qubits[0]])),
        lambda circuit: circuit.add_register(ClassicalRegister(1, "more")),
        lambda circuit: circuit.add_bits([Clbit()]),
    ],
    ids=range(5),
)
def test_what_differs_has_another_digest(change):
    circuit = gates()
    change(circuit)
    assert digest(columns_of(circuit)) != digest(columns_of(gates()))


def test_metadata_is_a_part_if_it_is_asked_for():
    from qiskit_cluster_provider.engines.aer.operations import WRITERS
    from qiskit_cluster_provider.plan.circuits.reading import Reader

    circuit = gates()
    circuit.metadata = {"run": 7, "names": ["a", "b"], "nested": {"x": 0.5}}
    columns = Reader(WRITERS).read(circuit, metadata=True)
    (back,) = decode_circuits(encode_circuits([columns]))
    assert back.metadata == circuit.metadata
    assert columns_of(circuit).metadata is None


def sealed(body):
    return b"%s%cc-%s" % (MAGIC, VERSION, body)


def body_of(circuit):
    return data_of(columns_of(circuit))


def changed(place, value):
    body = body_of(gates())
    body[place] = value
    return pack([body])


def nested(depth):
    return b"\x91" * depth + b"\xc0"


def blocks(depth):
    """A circuit in an operand of a circuit, and so on."""
    inner = body_of(gates())
    for _ in range(depth):
        outer = body_of(gates())
        outer[5].append(["if_else", "if_else", None, 0, 0, 0])
        outer[6] = np.append(outer[6], np.uint8(len(outer[5]) - 1))
        outer[11] = [[1, [1, "bit", 0], [4, inner]]]
        inner = outer
    return pack([inner])


HOSTILE = {
    "no list": pack(5),
    "a circuit that is a number": pack([5]),
    "half a circuit": pack([body_of(gates())[:9]]),
    "a code without a word": changed(6, np.array([0, 9], dtype=np.uint8)),
    "codes as text": changed(6, "0011"),
    "codes as objects": changed(6, [0, 1]),
    "negative codes": changed(6, np.array([-1], dtype=np.int8)),
    "a qubit that is not there": changed(7, np.array([0, 1, 7], dtype=np.uint8)),
    "too few qubits": changed(7, np.array([0], dtype=np.uint8)),
    "too many numbers": changed(9, np.zeros(5)),
    "numbers of another type": changed(9, np.zeros(1, dtype=np.float32)),
    "2 billion qubits": changed(1, 2**31),
    "qubits below zero": changed(1, -1),
    "an endless register": changed(3, [["q", [0, 2**31], True]]),
    "an expression that is not there": changed(12, np.array([0, 3], dtype=np.uint8)),
    "a vector of a billion": changed(15, [["v", 0, 2**30, b""]]),
    "a word of a million qubits": changed(5, [["unitary", "unitary", None, 2**20, 0, 0]]),
    "a name of bytes": changed(0, b"name"),
    "a million lists": nested(1_000_000),
    "a thousand blocks": blocks(150),
    "a bomb": zstandard.ZstdCompressor().compress(bytes(2**31 - 1)) if sys.maxsize > 2**40 else b"",
}


def rebuilt(message):
    return [circuit_of(columns, MAKERS) for columns in decode_circuits(message)]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_bytes_are_refused_in_little_time_and_memory(name):
    message = sealed(HOSTILE[name])
    if name == "a bomb":
        message = b"%s%ccz%s" % (MAGIC, VERSION, HOSTILE[name])
    tracemalloc.start()
    begin = time.perf_counter()
    try:
        with pytest.raises(WireError):
            rebuilt(message)
        assert time.perf_counter() - begin < 20
        assert tracemalloc.get_traced_memory()[1] < 200 * 2**20
    finally:
        tracemalloc.stop()


WHOLE = (
    encode_circuits([columns_of(one) for one in (gates(), flow(), variables())]),
    sealed(pack([body_of(flow()), body_of(kraus_and_unitary())])),
)


@settings(max_examples=200)
@given(st.data())
def test_damaged_bytes_are_refused_or_read(data):
    """Whatever bytes come: an error of ours, or columns; no crash, and nothing that hangs."""
    whole = bytearray(data.draw(st.sampled_from(WHOLE)))
    if data.draw(st.booleans()):
        del whole[data.draw(st.integers(5, len(whole) - 1)) :]
    for _ in range(data.draw(st.integers(0, 5))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    with suppress(WireError):
        rebuilt(bytes(whole))


def test_registers_bits_and_vectors_come_back():
    loose = Clbit()
    vector = ParameterVector("v", 11)
    circuit = QuantumCircuit(QuantumRegister(2, "a"), QuantumRegister(1, "b"), ClassicalRegister(1, "c"), [loose])
    for element in vector:
        circuit.rx(element, 0)
    circuit.rz(Parameter("alone"), 2)
    circuit.measure(2, loose)
    (columns,) = decode_circuits(encode_circuits([columns_of(circuit)]))
    back = circuit_of(columns, MAKERS)
    assert [(one.name, one.size) for one in (*back.qregs, *back.cregs)] == [("a", 2), ("b", 1), ("c", 1)]
    assert [str(one) for one in back.parameters] == [str(one) for one in circuit.parameters]
    assert back.find_bit(back.clbits[1]).registers == []
