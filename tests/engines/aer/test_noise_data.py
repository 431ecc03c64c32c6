"""A noise model as data: what is made of it again is the same, has the same bytes, and gives the same counts."""

import copy
import json
import os
import subprocess
import sys
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qiskit import QuantumCircuit
from qiskit.circuit import Delay, Instruction
from qiskit.circuit.library import CXGate, RXGate, RZZGate, SXGate, UnitaryGate, get_standard_gate_name_mapping
from qiskit.quantum_info import Kraus, SuperOp, random_unitary
from qiskit.transpiler import InstructionProperties, Target
from qiskit_aer import AerSimulator
from qiskit_aer.noise import (
    NoiseModel,
    PauliError,
    PauliLindbladError,
    QuantumError,
    ReadoutError,
    RelaxationNoisePass,
    amplitude_damping_error,
    coherent_unitary_error,
    depolarizing_error,
    pauli_error,
    reset_error,
    thermal_relaxation_error,
)
from qiskit_aer.noise.passes import LocalNoisePass
from qiskit_ibm_runtime.fake_provider import FakeAlgiers, FakeSherbrooke

from benchmarks.workloads import _device_noise
from qiskit_cluster_provider._compat.aer import quantum_error
from qiskit_cluster_provider.engines.aer.engine import AER
from qiskit_cluster_provider.engines.aer.error_data import NotDataError
from qiskit_cluster_provider.engines.aer.noise_data import channel_name, noise_data, why_not
from qiskit_cluster_provider.engines.aer.noise_objects import model_of
from qiskit_cluster_provider.engines.aer.noise_sent import checked
from qiskit_cluster_provider.engines.aer.operations import MAKERS, WRITERS
from qiskit_cluster_provider.engines.aer.simulation.noise import Noise
from qiskit_cluster_provider.engines.aer.simulation.simulator import Aer
from qiskit_cluster_provider.engines.aer.simulation.template import Template
from qiskit_cluster_provider.errors import WireError
from qiskit_cluster_provider.plan import Simulator
from qiskit_cluster_provider.plan.circuits.columns import Kind
from qiskit_cluster_provider.plan.circuits.reading import Reader
from qiskit_cluster_provider.plan.circuits.rebuilding import circuit_of as made_of
from qiskit_cluster_provider.testing import differences
from qiskit_cluster_provider.wire import VERSION, decode_noise, encode_noise
from qiskit_cluster_provider.wire.columns import columns_of as columns_of_data
from qiskit_cluster_provider.wire.columns import data_of as data_of_columns
from qiskit_cluster_provider.wire.envelope import pack, seal, unseal
from tests.columns import columns_of

from ...noise_errors import DerivedError, LaterError, make

ANGLES = st.sampled_from([0.0, -0.0, 0.1, -2.5, 1e-300])


def message_of(model, errors=()):
    message = encode_noise(AER, model, errors)
    assert decode_noise(message).data is not None, why_not(model, errors)
    return message


def data_of(model, errors=()):
    return checked(decode_noise(message_of(model, errors)).data)


def text(found):
    """A converted model, to its last bit, without the ids of errors."""
    return json.dumps([{key: value for key, value in error.items() if key != "id"} for error in found["errors"]])


def check_same(model):
    sent = data_of(model)
    again = model_of(sent)
    theirs = text(model.to_dict(serializable=True))
    assert text(again.to_dict(serializable=True)) == theirs
    assert text(Noise(sent).to_dict()) == theirs
    assert again.basis_gates == model.basis_gates
    assert again.noise_instructions == model.noise_instructions
    assert again.noise_qubits == model.noise_qubits
    assert len(again._custom_noise_passes) == len(model._custom_noise_passes)
    assert message_of(again) == message_of(model), "it can be sent again, to the same bytes"
    return again


@st.composite
def errors_1(draw):
    kind = draw(st.integers(0, 9))
    p = draw(st.floats(0.01, 0.3))
    if kind == 0:
        return depolarizing_error(p, 1)
    if kind == 1:
        return thermal_relaxation_error(
            1e-4, draw(st.sampled_from([5e-5, 1.6e-4])), 1e-5, draw(st.sampled_from([0, p]))
        )
    if kind == 2:
        return amplitude_damping_error(p)
    if kind == 3:
        return coherent_unitary_error(random_unitary(2, seed=draw(st.integers(0, 99))))
    if kind == 4:
        return reset_error(p)
    if kind == 5:
        gate = RXGate(draw(ANGLES), label=draw(st.sampled_from([None, "", "turn"])))
        return QuantumError([([(gate, [0]), (SXGate(), [0])], p), (SXGate(), 1 - p)])
    if kind == 6:
        channel = SuperOp(Kraus(amplitude_damping_error(p))).to_instruction()
        return QuantumError([(channel, 0.5), (Kraus(amplitude_damping_error(p)).to_instruction(), 0.5)])
    if kind == 7:
        return PauliError(["X", "I"], [p, 1 - p])
    if kind == 8:
        return PauliLindbladError(["X", "Z"], [p, p / 2])
    return pauli_error([("Y", p), ("I", 1 - p)])


@st.composite
def errors_2(draw):
    kind = draw(st.integers(0, 5))
    p = draw(st.floats(0.01, 0.3))
    if kind == 0:
        return depolarizing_error(p, 2)
    if kind == 1:
        return draw(errors_1().filter(lambda one: isinstance(one, QuantumError))).tensor(amplitude_damping_error(p))
    if kind == 2:
        gates = [(CXGate(label="again"), [1, 0]), (RZZGate(draw(ANGLES)), [0, 1])]
        return QuantumError([(gates, p), (UnitaryGate(np.eye(2), label="none"), 1 - p)])
    if kind == 3:
        return PauliError(["XI", "ZZ", "II"], [p, p, 1 - 2 * p])
    if kind == 4:
        return PauliLindbladError(["XY", "ZI"], [p, p / 2])
    return pauli_error([("XY", p), ("II", 1 - p)])


@st.composite
def models(draw):
    model = NoiseModel(draw(st.sampled_from([None, ["u3", "cz", "rx"]])))
    singles = draw(st.lists(errors_1(), min_size=1, max_size=3))
    doubles = draw(st.lists(errors_2(), min_size=1, max_size=2))
    add = {"warnings": False}
    for name in draw(st.lists(st.sampled_from(["h", "x", "my gate"]), max_size=2, unique=True)):
        model.add_all_qubit_quantum_error(draw(st.sampled_from(singles)), name, **add)
    for name, qubit in draw(
        st.lists(st.tuples(st.sampled_from(["x", "s", "reset"]), st.integers(0, 3)), unique=True)
    ):
        model.add_quantum_error(draw(st.sampled_from(singles)), name, [qubit], **add)
    for pair in draw(st.lists(st.sampled_from([(0, 1), (1, 0), (2, 3)]), max_size=2, unique=True)):
        model.add_quantum_error(draw(st.sampled_from(doubles)), "cx", list(pair), **add)
    if draw(st.booleans()):
        model.add_all_qubit_readout_error([[0.9, 0.1], [0.25, 0.75]])
    for qubit in draw(st.lists(st.integers(0, 3), max_size=2, unique=True)):
        model.add_readout_error(ReadoutError([[0.8, 0.2], [0.1, 0.9]]), [qubit], **add)
    if draw(st.booleans()):
        model._custom_noise_passes.append(
            RelaxationNoisePass([1e-4] * 3 + [np.inf], [8e-5, 1e-4, 1.5e-4, np.inf], dt=1e-9, op_types=Delay)
        )
    return model


def circuit_of(seed=0):
    rng = np.random.default_rng(seed)
    circuit = QuantumCircuit(4, 4, name="met")
    for _ in range(12):
        name = ["h", "x", "s", "cx", "reset", "delay"][int(rng.integers(6))]
        qubit = int(rng.integers(3))
        if name == "cx":
            circuit.cx(qubit, qubit + 1)
        elif name == "delay":
            circuit.delay(5000, qubit, "ns")
        else:
            getattr(circuit, name)(qubit)
    circuit.measure(range(4), range(4))
    return circuit


def same_counts(model, again, circuits, **options):
    """Of Aer with the model, with the one made again, and of a worker's way, which makes no model."""
    options = {"max_parallel_threads": 1, "shots": 50, "seed_simulator": 7, "memory": True, **options}
    for circuit in circuits:
        theirs = AerSimulator().run(circuit, noise_model=model, **options).result()
        assert differences(AerSimulator().run(circuit, noise_model=again, **options).result(), theirs) == []
        worker = Aer(
            {k: v for k, v in options.items() if k not in ("shots", "seed_simulator")},
            Simulator(),
            Noise(data_of(model)),
        )
        template = Template(columns_of(circuit), None)
        (found,), _ = worker.run([template], 7, 50, (circuit.num_qubits, circuit.num_clbits))
        assert found["success"] == theirs.success, "some methods have no Lindblad errors"
        if theirs.success:
            assert found["data"]["memory"] == [hex(int(key, 2)) for key in theirs.get_memory()]


@settings(max_examples=60)
@given(models(), st.sampled_from(["automatic", "statevector", "density_matrix"]), st.integers(0, 99))
def test_any_model_comes_back_whole(model, method, seed):
    again = check_same(model)
    if not {"my gate"} & set(model.noise_instructions):
        assert again == model
    same_counts(model, again, [circuit_of(seed)], method=method)


@pytest.mark.parametrize(
    "device",
    [
        pytest.param(lambda: NoiseModel.from_backend(FakeAlgiers()), id="27 qubits, calibrated"),
        pytest.param(lambda: _device_noise(27), id="27 qubits"),
        pytest.param(lambda: _device_noise(127), id="127 qubits", marks=pytest.mark.slow),
        pytest.param(
            lambda: NoiseModel.from_backend(FakeSherbrooke()), id="127 qubits, calibrated", marks=pytest.mark.slow
        ),
    ],
)
def test_a_device(device):
    model = device()
    again = check_same(model)
    (mine,), (theirs,) = again._custom_noise_passes, model._custom_noise_passes
    assert np.array_equal(mine._t1s, theirs._t1s)
    assert np.array_equal(mine._t2s, theirs._t2s)
    assert np.array_equal(mine._p1s, theirs._p1s)
    assert mine._dt == theirs._dt
    circuit = QuantumCircuit(3, 3)
    for qubit in range(3):
        circuit.sx(qubit)
        circuit.delay(1000 + qubit, qubit, "dt")
    circuit.measure(range(3), range(3))
    options = {"shots": 50, "seed_simulator": 3, "max_parallel_threads": 1}
    ours, aers = (AerSimulator().run(circuit, noise_model=one, **options).result() for one in (again, model))
    assert ours.get_counts() == aers.get_counts()


def test_every_standard_gate_in_an_error():
    model = NoiseModel()
    for name, gate in get_standard_gate_name_mapping().items():
        if name in ("measure", "delay", "global_phase"):
            continue
        made = type(gate)(*(0.1 * (place + 1) for place in range(len(gate.params)))) if gate.params else gate
        model.add_all_qubit_quantum_error(QuantumError([(made, 0.5), (SXGate(), 0.5)]), f"on {name}")
    assert len(model._default_quantum_errors) > 40
    check_same(model)


def test_an_error_on_many_places_is_sent_once_and_stays_one():
    error = amplitude_damping_error(0.1)
    model = NoiseModel()
    model.add_all_qubit_quantum_error(error, ["x", "h"])
    for qubit in range(50):
        model.add_quantum_error(error, "s", [qubit])
    again = model_of(data_of(model))
    assert (
        len(
            {id(one) for one in [*again._default_quantum_errors.values(), *again._local_quantum_errors["s"].values()]}
        )
        == 1
    )
    assert len(data_of(model).errors) == 1


def test_the_errors_of_channel_instructions_are_named_by_what_they_are():
    known = pauli_error([("X", 0.2), ("I", 0.8)])
    channel, nothing = amplitude_damping_error(0.3), pauli_error([("I", 1.0)])
    model = NoiseModel()
    model.add_all_qubit_quantum_error(known, "x")
    name = channel_name(channel)
    assert name == channel_name(amplitude_damping_error(0.3)) != channel_name(amplitude_damping_error(0.31))
    for before in (model, None):
        again = model_of(data_of(before, [channel, nothing, amplitude_damping_error(0.3)]))
        names = ["x", name] if before else [name]
        assert list(again._default_quantum_errors) == names, "an error that does nothing is none for Aer"
        assert name in again.noise_instructions
    assert list(model._default_quantum_errors) == ["x"]


@settings(max_examples=40)
@given(errors_1(), errors_2(), st.booleans())
def test_a_channel_instruction_is_data_of_a_circuit(single, double, label):
    circuit = QuantumCircuit(2, name="channels")
    circuit.h(0)
    circuit.append(single.to_instruction(), [1])
    circuit.append(double.to_instruction(), [1, 0])
    if label:
        circuit.data[1].operation.label = "mine"
    circuit.measure_all()
    columns = Reader(WRITERS).read(circuit)
    assert Kind.PICKLE not in [word.kind for word in columns.words]
    sent = seal(b"c", data_of_columns(columns))
    assert sent == seal(b"c", data_of_columns(Reader(WRITERS).read(copy.deepcopy(circuit))))
    again = made_of(columns_of_data(unseal(b"c", sent)), MAKERS)
    errors = [quantum_error(step.operation) for step in again.data if step.name == "quantum_channel"]
    assert [error.id for error in errors] == [channel_name(single), channel_name(double)]
    options = {"max_parallel_threads": 1, "shots": 50, "seed_simulator": 7, "method": "density_matrix"}
    ours, theirs = (AerSimulator().run(one, **options).result() for one in (again, circuit))
    assert ours.get_counts() == theirs.get_counts()
    assert ours.results[0].metadata["noise"] == theirs.results[0].metadata["noise"]


def test_what_a_user_changed_in_a_model_is_sent():
    """Aer would refuse, or normalise, these numbers where a new error is made."""
    model = NoiseModel()
    model.add_all_qubit_quantum_error(pauli_error([("X", 0.25), ("I", 0.75)]), "x")
    model.add_readout_error([[0.9, 0.1], [0.2, 0.8]], [0])
    model._default_quantum_errors["x"].probabilities[:] = [0.3, 0.3]
    model._local_readout_errors[(0,)].probabilities[:] = [[2.0, -0.0], [0.5, 0.1]]
    check_same(model)


@pytest.mark.filterwarnings("ignore:Instruction duration not found")
@pytest.mark.parametrize("op_types", [None, [Delay, SXGate], SXGate, Instruction])
def test_a_pass_reads_the_durations_of_a_target(op_types):
    target = Target(num_qubits=2)
    target.add_instruction(SXGate(), {(0,): InstructionProperties(duration=3e-5), (1,): None})
    target.add_instruction(CXGate(), {(0, 1): InstructionProperties(duration=None)})
    model = NoiseModel()
    passes = RelaxationNoisePass([1e-4, 2e-4], [5e-5, 3e-4], 1e-9, op_types, [0.1, 0.0], target)
    model._custom_noise_passes.append(passes)
    circuit = QuantumCircuit(2)
    for qubit in range(2):
        circuit.sx(qubit)
        circuit.delay(9000, qubit)
    circuit.cx(0, 1)
    circuit.measure_all()
    same_counts(model, check_same(model), [circuit])


FIXED = """
import numpy as np
from qiskit_aer.noise import *
from qiskit_cluster_provider.engines.aer.engine import AER
from qiskit_cluster_provider.wire import encode_noise
model = NoiseModel(["u3", "cz", "rx", "h", "sx"])
for qubit, name in enumerate(["x", "h", "sx"]):
    model.add_quantum_error(thermal_relaxation_error(1e-4, 5e-5, 1e-5), name, [qubit])
model.add_quantum_error(depolarizing_error(0.125, 2), "cx", [0, 1])
model.add_all_qubit_quantum_error(PauliLindbladError(["X", "Z"], [0.25, 0.5]), "z")
model.add_readout_error([[0.875, 0.125], [0.25, 0.75]], [1])
print(encode_noise(AER, model, ()).hex())
"""


def test_equal_models_have_equal_bytes_in_every_process():
    found = {
        subprocess.run(
            [sys.executable, "-c", FIXED],
            env={**os.environ, "PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(found) == 1
    assert len(found.pop()) > 100


def test_copies_have_equal_bytes():
    model = NoiseModel.from_backend(FakeAlgiers())
    other = NoiseModel.from_backend(FakeAlgiers())
    assert message_of(model) == message_of(other) == message_of(copy.deepcopy(model))


def function(op, qubits):
    return SXGate()


def strange():
    """Models that are more than data, and what is said of them."""

    def model():
        made = NoiseModel()
        made.add_quantum_error(pauli_error([("X", 0.2), ("I", 0.8)]), "x", [1])
        return made

    class Mine(NoiseModel):
        pass

    class MyRelaxation(RelaxationNoisePass):
        pass

    yield Mine(), "it is a strange.<locals>.Mine, and not Aer's own NoiseModel"
    yield (made := model()), "its pass 0, a LocalNoisePass, calls the function function"
    made._custom_noise_passes.append(LocalNoisePass(function, op_types=Delay))
    yield (made := model()), "it has a pass of the class strange.<locals>.MyRelaxation, which is none of Aer's"
    made._custom_noise_passes.append(MyRelaxation([1.0], [1.0]))
    yield (made := model()), "its pass 0 is for operations of the class Mine"
    made._custom_noise_passes.append(RelaxationNoisePass([1.0], [1.0], op_types=[Mine]))
    yield (made := model()), "two of its passes do the same, or are equal and do not"
    made._custom_noise_passes += [RelaxationNoisePass([1.0], [1.0]), RelaxationNoisePass((1.0,), (1.0,))]
    for error in (LaterError(), make(DerivedError)):
        made = model()
        made.add_quantum_error(error, "h", [1], warnings=False)
        yield made, f"it has an error of the class {type(error).__name__}, which is none of Aer's"
    yield (made := model()), "its error on 'h' of qubits (1,) has the instruction 'mine', of the class Instruction"
    mine = Instruction("mine", 1, 0, [])
    mine.definition = QuantumCircuit(1)
    made.add_quantum_error(QuantumError([(mine, 0.5), (SXGate(), 0.5)]), "h", [1], warnings=False)
    yield (made := model()), "its error on 'h' has the instruction 'delay', of the class Delay"
    made.add_all_qubit_quantum_error(QuantumError([(Delay(10), 0.5), (SXGate(), 0.5)]), "h", warnings=False)
    yield (made := model()), "it has attributes that Aer's own NoiseModel does not have"
    made.later = True


@pytest.mark.parametrize(("model", "why"), list(strange()))
def test_what_is_more_than_data_is_pickled(model, why):
    assert why_not(model) == why
    sent = decode_noise(encode_noise(AER, model, ()))
    assert sent.data is None
    assert type(sent.unpickled()[0]) is type(model)
    with pytest.raises(NotDataError):
        noise_data(model)


def test_an_error_of_a_circuit_that_is_more_than_data_is_pickled():
    assert why_not(None, [LaterError()]) == (
        "an error in a circuit is of the class LaterError, which is none of Aer's"
    )
    model, errors = decode_noise(encode_noise(AER, None, [LaterError()])).unpickled()
    assert model is None
    assert len(errors) == 1


def plain(model):
    return pack({"data": noise_data(model)})


def read(body):
    """All that is done with a message before it is simulated."""
    sent = decode_noise(b"QCP%cn-%s" % (VERSION, body)).data
    if sent is None:
        return
    found = checked(sent)
    Noise(found).to_dict()
    model_of(found)


@settings(max_examples=200)
@given(models(), st.data())
def test_a_message_with_changed_bytes_is_read_or_refused(model, data):
    body = bytearray(plain(model))
    read(bytes(body))
    for _ in range(data.draw(st.integers(1, 3))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    body = body[: data.draw(st.sampled_from([len(body), len(body) // 2, len(body) - 1]))]
    with suppress(WireError):
        read(bytes(body))


def hostile():
    """What could be sent in place of a model, by name."""
    model = NoiseModel()
    model.add_all_qubit_quantum_error(amplitude_damping_error(0.25), "x")
    model.add_readout_error([[0.875, 0.125], [0.25, 0.75]], [1])
    model._custom_noise_passes.append(RelaxationNoisePass([1.0], [1.0], op_types=Delay))
    good = noise_data(model)
    (error,), numbers = good["errors"], np.array([1.0])
    read(pack({"data": good}))
    nested = current = []
    for _ in range(500):
        current.append([])
        current = current[0]
    yield "nothing", {}
    yield "a list", {"data": {**good, "errors": {}}}
    yield "a step that is not there", {**good, "errors": [[*error[:3], [[99]]]]}
    yield "a step before the first", {**good, "errors": [[*error[:3], [[-1]]]]}
    yield "a step that is no number", {**good, "errors": [[*error[:3], [[True]]]]}
    yield "an error that is not there", {**good, "default": [["x", 5]]}
    yield "more probabilities", {**good, "errors": [[*error[:2], np.ones(9), error[3]]]}
    yield (
        "a qubit that is not there",
        {**good, "steps": [["x", [7], [], None]], "errors": [["QuantumError", 1, numbers, [[0]]]]},
    )
    yield "very many qubits", {**good, "errors": [["QuantumError", 2**40, numbers, [[]]]]}
    yield "many qubits in many circuits", {**good, "errors": [["QuantumError", 10**4, np.ones(10**4), [[]] * 10**4]]}
    yield "Paulis of very many qubits", {**good, "errors": [["PauliError", 2**40, numbers, ["X"]]]}
    yield "Paulis of another length", {**good, "errors": [["PauliError", 2, numbers, ["XXX"]]]}
    yield "Paulis that are none", {**good, "errors": [["PauliLindbladError", 1, numbers, ["A"]]]}
    yield "an error of an unknown class", {**good, "errors": [["Error", 1, numbers, [[]]]]}
    yield "a readout of three outcomes", {**good, "readouts": [np.eye(3)]}
    yield "a readout of nothing", {**good, "readouts": [np.zeros((0, 0))]}
    yield "a number as a readout", {**good, "readouts": [np.array(1.0)]}
    yield "texts as a readout", {**good, "readouts": [np.array([["a"]])]}
    yield "a list without end as a parameter", {**good, "steps": [["kraus", [0], [nested], None]]}
    yield "a gate with too many parameters", {**good, "steps": [["rx", [0], [1.0, 2.0], None]] * 2}
    yield (
        "a gate on two times the same qubit",
        {**good, "steps": [["cx", [0, 0], [], None]] * 2, "errors": [["QuantumError", 1, numbers, [[0]]]]},
    )
    yield "a matrix that is none", {**good, "steps": [["unitary", [0], [np.array(1.0)], None]] * 2}
    yield "a pass for what is no operation", {**good, "passes": [[numbers, numbers, numbers, 1.0, ["system"], None]]}
    yield "a pass of texts", {**good, "passes": [[numbers, numbers, np.array(["a"]), 1.0, [], None]]}
    yield "names that are none", {**good, "basis_gates": [1]}
    yield "qubits that are none", {**good, "qubits": [-1]}


@pytest.mark.parametrize("body", [pytest.param(body, id=name) for name, body in hostile()])
def test_what_is_no_model_is_refused(body):
    with pytest.raises(WireError) as refusal:
        read(pack({"data": body}))
    assert "\n" not in str(refusal.value)
