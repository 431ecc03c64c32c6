"""Bad input: each is refused where it is given, with the fact and the next step, and costs nothing else."""

import copy
import inspect
import math
import pickle
import re
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from distributed import Client, LocalCluster
from qiskit.circuit import ClassicalRegister, Clbit, Gate, Parameter, QuantumCircuit, QuantumRegister, library
from qiskit.circuit.annotated_operation import AnnotatedOperation, InverseModifier
from qiskit.circuit.classical import expr, types
from qiskit.circuit.library import (
    DiagonalGate,
    HGate,
    QFTGate,
    RXGate,
    SXdgGate,
    UnitaryGate,
    XGate,
    get_standard_gate_name_mapping,
)
from qiskit.exceptions import QiskitError
from qiskit.quantum_info import Clifford, Kraus, Pauli, SuperOp, random_unitary
from qiskit_aer import AerError, AerSimulator, primitives
from qiskit_aer.backends import aer_compiler
from qiskit_aer.noise import depolarizing_error
from qiskit_ibm_runtime.fake_provider import FakeManilaV2

from qiskit_cluster_provider import ClusterProvider, EstimatorV2, SamplerV2
from qiskit_cluster_provider.engines.aer.checks import check_work
from qiskit_cluster_provider.engines.aer.gates import CLIFFORD, GATES, INSTRUCTIONS, METHOD_FOR
from qiskit_cluster_provider.engines.aer.preparation import prepare
from qiskit_cluster_provider.engines.aer.settings import RunSettings
from qiskit_cluster_provider.errors import (
    CircuitTypeError,
    ClusterConfigError,
    ClusterConnectionError,
    InvalidCircuitError,
    InvalidPubError,
    OptionTypeError,
    PubTypeError,
    UnknownOptionError,
)
from qiskit_cluster_provider.options import SliceOptions

from .slow import quick

A, B = Parameter("a"), Parameter("b")
NAN, INF = math.nan, math.inf


def rotated(angle=A, name="bad", phase=0.0):
    circuit = QuantumCircuit(1, 1, name=name, global_phase=phase)
    circuit.rx(angle, 0)
    circuit.measure(0, 0)
    return circuit


def two():
    circuit = QuantumCircuit(1, 1, name="two")
    circuit.rx(A, 0)
    circuit.ry(B, 0)
    circuit.measure(0, 0)
    return circuit


def inside(angle):
    circuit = QuantumCircuit(1, 1, name="bad")
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)), circuit.for_loop(range(2)):
        circuit.rx(angle, 0)
    circuit.measure(0, 0)
    return circuit


def appended(operation, qubits=1):
    circuit = QuantumCircuit(qubits, 1, name="bad")
    circuit.append(operation, range(qubits))
    circuit.measure(0, 0)
    return circuit


def unknown_inside():
    circuit = QuantumCircuit(1, 1, name="bad")
    with circuit.for_loop(range(2)):
        circuit.append(Gate("mystery", 1, []), [0])
    circuit.measure(0, 0)
    return circuit


def boxed():
    circuit = QuantumCircuit(1, 1, name="bad")
    with circuit.box():
        circuit.x(0)
    circuit.measure(0, 0)
    return circuit


def saved(*saves, measured=False):
    """A circuit with ``(method, label)`` of each save."""
    circuit = QuantumCircuit(1, 1, name="bad")
    circuit.h(0)
    if measured:
        circuit.measure(0, 0)
    for save, options in saves:
        getattr(circuit, f"save_{save}")(**options)
    return circuit


def saved_in_branches():
    circuit = QuantumCircuit(1, 1, name="bad")
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)) as otherwise:
        circuit.save_statevector(label="x", pershot=True)
    with otherwise:
        circuit.save_statevector(label="x", pershot=True)
    return circuit


def saved_in_rounds(rounds, after=False):
    circuit = QuantumCircuit(1, 1, name="bad")
    with circuit.for_loop(range(rounds)):
        circuit.x(0)
        circuit.save_statevector(label="x", pershot=True)
    if after:
        circuit.save_statevector(label="x")
    circuit.measure(0, 0)
    return circuit


def wide(qubits, chain=True, gate="t"):
    circuit = QuantumCircuit(qubits, 1, name="bad")
    circuit.h(range(qubits))
    getattr(circuit, gate)(range(qubits))
    if chain:
        for qubit in range(qubits - 1):
            circuit.cx(qubit, qubit + 1)
    circuit.measure(qubits - 1, 0)
    return circuit


def named(register):
    circuit = QuantumCircuit(QuantumRegister(1, "q"), ClassicalRegister(1, register), name="bad")
    circuit.x(0)
    circuit.measure(0, 0)
    return circuit


@dataclass
class Bad:
    """One bad call: what ``backend.run`` is given, what it raises, and what the message says."""

    circuits: Any
    error: type[Exception]
    says: str
    binds: Any = None
    options: Any = None


NAME = r"circuit 'bad' \(index 0\)"
BINDS = r"circuit 'two' \(index 0\)"
RUNS = {
    "nothing": Bad([], InvalidCircuitError, "at least one"),
    "a text in the list": Bad([quick(), "x"], CircuitTypeError, r"circuits\[1\] is a str"),
    "None in the list": Bad([quick(), quick(), None], CircuitTypeError, r"circuits\[2\] is a NoneType"),
    "no iterable": Bad(7, CircuitTypeError, "list of circuits, not a int"),
    "a text": Bad("x", CircuitTypeError, r"circuits\[0\] is a str"),
    "None": Bad(None, CircuitTypeError, "not a NoneType"),
    # Parameters
    "unbound": Bad(rotated(), InvalidCircuitError, f"{NAME} has unbound.*'a'.*parameter_binds"),
    "unbound, later": Bad([quick(), rotated()], InvalidCircuitError, r"circuit 'bad' \(index 1\) has unbound"),
    "one unbound": Bad(two(), InvalidCircuitError, f"{BINDS}.*no values for 'b'", [{A: [1]}]),
    "no dictionary for it": Bad(two(), InvalidCircuitError, f"{BINDS} has unbound", [{}]),
    "None for it": Bad(two(), InvalidCircuitError, r"parameter_binds\[0\].*'two'.*NoneType", [None]),
    "None for one without": Bad([quick()], InvalidCircuitError, r"parameter_binds\[0\]", [None]),
    "a number for it": Bad(two(), InvalidCircuitError, r"parameter_binds\[0\].*int", [5]),
    "a list for it": Bad(two(), InvalidCircuitError, r"parameter_binds\[0\].*list", [[[1], [1]]]),
    "a dictionary of binds": Bad(two(), InvalidCircuitError, "must be a list", {A: [1], B: [1]}),
    "too many binds": Bad(two(), InvalidCircuitError, "2 dictionaries for 1", [{A: [1], B: [1]}] * 2),
    "too few binds": Bad([two()] * 2, InvalidCircuitError, "1 dictionaries for 2", [{A: [1], B: [1]}]),
    "names for parameters": Bad(two(), InvalidCircuitError, "no values", [{"a": [1], "b": [1]}]),
    "a number for a list": Bad(two(), InvalidCircuitError, r"'a'.*shape \(\)", [{A: 1.0, B: 1.0}]),
    "a matrix": Bad(two(), InvalidCircuitError, r"'a'.*shape \(1, 2\)", [{A: [[1, 2]], B: [[1, 2]]}]),
    "a ragged list": Bad(two(), InvalidCircuitError, "'a'.*no", [{A: [[1, 2], [1]], B: [1, 2]}]),
    "a complex value": Bad(two(), InvalidCircuitError, "'a'.*real", [{A: [1j], B: [1]}]),
    "a text value": Bad(two(), InvalidCircuitError, "'a'.*real", [{A: ["x"], B: [1]}]),
    "no value": Bad(two(), InvalidCircuitError, "'a'.*nan", [{A: [None], B: [1]}]),
    "empty lists": Bad(two(), InvalidCircuitError, "empty", [{A: [], B: []}]),
    "an empty list first": Bad(two(), InvalidCircuitError, "'a' has 0, 'b' has 1", [{A: [], B: [1]}]),
    "an empty list later": Bad(two(), InvalidCircuitError, "'a' has 1, 'b' has 0", [{A: [1], B: []}]),
    "a shorter list first": Bad(two(), InvalidCircuitError, "'a' has 1, 'b' has 2", [{A: [1], B: [1, 2]}]),
    "a shorter list later": Bad(two(), InvalidCircuitError, "'a' has 2, 'b' has 1", [{A: [1, 2], B: [1]}]),
    "NaN bound": Bad(two(), InvalidCircuitError, "'b' in parameter set 1 is nan", [{A: [1, 2], B: [1, NAN]}]),
    "infinity bound": Bad(two(), InvalidCircuitError, "'a' in parameter set 0 is inf", [{A: [INF], B: [1]}]),
    # Numbers in circuits
    "NaN in a gate": Bad(rotated(NAN), InvalidCircuitError, rf"{NAME} has nan in its instruction 0 \('rx'\)"),
    "infinity in a gate": Bad([quick(), rotated(-INF)], InvalidCircuitError, r"\(index 1\) has -inf"),
    "a numpy NaN": Bad(rotated(np.float64(NAN)), InvalidCircuitError, "has nan"),
    "a small numpy NaN": Bad(rotated(np.float32(NAN)), InvalidCircuitError, "has nan"),
    "NaN in a matrix": Bad(
        appended(UnitaryGate(np.diag([1, NAN]), check_input=False)),
        InvalidCircuitError,
        rf"{NAME} has a number that is not finite in its instruction 0 \('unitary'\)",
    ),
    "NaN in control flow": Bad(inside(NAN), InvalidCircuitError, f"{NAME} has nan"),
    "NaN for a phase": Bad(rotated(1.0, phase=NAN), InvalidCircuitError, "global phase of nan"),
    "NaN beside parameters": Bad(rotated(A, phase=INF), InvalidCircuitError, "phase", [{A: [1]}]),
    "NaN on MPS": Bad(rotated(NAN), InvalidCircuitError, "nan", options={"method": "matrix_product_state"}),
    # Gates
    "an unknown gate": Bad(appended(Gate("mystery", 1, [])), InvalidCircuitError, rf"{NAME}.*'mystery'.*transpile\("),
    "a gate that looks like an open control": Bad(
        appended(Gate("x_out", 1, [])), InvalidCircuitError, rf"{NAME}.*'x_out'.*transpile\("
    ),
    "a composite gate": Bad(appended(QFTGate(2), 2), InvalidCircuitError, rf"{NAME}.*'qft'.*transpile\("),
    "unknown in control flow": Bad(unknown_inside(), InvalidCircuitError, r"'mystery'.*transpile\("),
    "a Clifford": Bad(appended(Clifford(HGate())), InvalidCircuitError, r"'clifford'.*transpile\("),
    "an annotation": Bad(
        appended(AnnotatedOperation(HGate(), InverseModifier())), InvalidCircuitError, r"'annotated'.*transpile\("
    ),
    "a box": Bad(boxed(), InvalidCircuitError, "control flow of the kind 'box'.*write out"),
    # Saves
    "a label twice": Bad(
        saved(("statevector", {"label": "x"}), ("probabilities", {"label": "x"})), InvalidCircuitError, f"{NAME}.*'x'"
    ),
    "the default label twice": Bad(
        saved(("statevector", {}), ("statevector", {})), InvalidCircuitError, f"{NAME}.*'statevector'"
    ),
    "a label twice for each shot": Bad(
        saved(("statevector", {"label": "x", "pershot": True}), ("statevector", {"label": "x", "pershot": True})),
        InvalidCircuitError,
        "'x'",
    ),
    "a label in both branches": Bad(saved_in_branches(), InvalidCircuitError, "'x'"),
    "a label in each round": Bad(saved_in_rounds(3), InvalidCircuitError, "'x'.*each round"),
    "one default label of two kinds": Bad(
        saved(("probabilities", {}), ("probabilities_dict", {})), InvalidCircuitError, f"{NAME}.*'probabilities'"
    ),
    "counts for a label": Bad(saved(("statevector", {"label": "counts"})), InvalidCircuitError, "'counts'"),
    "memory for a label": Bad(
        saved(("statevector", {"label": "memory"})), InvalidCircuitError, "'memory'", options={"memory": True}
    ),
}


@pytest.mark.parametrize("what", RUNS)
def test_bad_runs(backend, what):
    bad = RUNS[what]
    with pytest.raises(bad.error, match=bad.says) as caught:
        backend.run(bad.circuits, bad.binds, **(bad.options or {}))
    assert isinstance(caught.value, AerError), "code that was written for Aer catches it"
    if named := re.search(r"circuit '(.*?)' \(index (\d+)\)", str(caught.value)):
        assert (caught.value.circuit, str(caught.value.index)) == named.groups()


def test_backends_outlive_bad_runs(backend, aer, same):
    for bad in RUNS.values():
        with pytest.raises(bad.error, match=bad.says):
            backend.run(bad.circuits, bad.binds, **(bad.options or {}))
    batch, options = [quick(f"q{i}") for i in range(5)], {"seed_simulator": 3, "memory": True}
    same(backend.run(batch, **options).result(timeout=60), aer.run(batch, **options).result())


@pytest.mark.parametrize(
    "kind",
    [ClusterConfigError, UnknownOptionError, OptionTypeError, InvalidCircuitError, InvalidPubError, PubTypeError],
)
def test_an_error_that_is_aers_too_travels_as_it_is(kind):
    error = kind("This is so", hint="do that.", detail="The whole tale.", code="so", circuit="bell", index=3)
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is kind
    assert issubclass(kind, AerError)
    assert issubclass(kind, QiskitError)
    assert issubclass(kind, ValueError)
    assert vars(again) == vars(copy.copy(error)) == vars(error)
    assert str(again) == str(error) == "This is so; do that.\n\nThe whole tale."
    assert (again.message, again.hint, again.code, again.circuit, again.index) == (
        "This is so",
        "do that.",
        "so",
        "bell",
        3,
    )
    code = "import pickle, sys; error = pickle.load(sys.stdin.buffer); print(error, 'qiskit_aer' in sys.modules)"
    there = subprocess.run([sys.executable, "-c", code], input=pickle.dumps(error), capture_output=True, check=True)
    assert there.stdout == b"This is so; do that.\n\nThe whole tale. False\n", (
        "where Aer is not loaded it is read without it"
    )


def test_an_unknown_option_and_method_raise_what_aer_raises(backend):
    for options in ({"method": "magic"}, {"shotz": 5}):
        with pytest.raises(AerError):
            backend.with_options({}).set_options(**options)


OPTIONS = [
    ({"shots": 0}, ClusterConfigError, "at least 1"),
    ({"shots": -1}, ClusterConfigError, "at least 1"),
    ({"shots": 1.5}, OptionTypeError, "shots must be a whole number, not 1.5"),
    ({"shots": NAN}, OptionTypeError, "shots must be a whole number, not nan"),
    ({"shots": INF}, OptionTypeError, "shots must be a whole number, not inf"),
    ({"shots": True}, OptionTypeError, "shots must be a whole number, not True"),
    ({"shots": "many"}, OptionTypeError, "shots"),
    ({"shots": [5]}, OptionTypeError, "shots"),
    ({"seed_simulator": 2**63}, ClusterConfigError, "64 bits"),
    ({"seed_simulator": -(2**63) - 1}, ClusterConfigError, "64 bits"),
    ({"seed_simulator": 0.5}, OptionTypeError, "whole number"),
    ({"seed_simulator": NAN}, OptionTypeError, "whole number"),
    ({"matrix_product_state_max_bond_dimension": 0}, ClusterConfigError, "at least 1, not 0.*crashes"),
    ({"matrix_product_state_max_bond_dimension": -1}, ClusterConfigError, "at least 1"),
    ({"max_memory_mb": 2**70}, ClusterConfigError, "max_memory_mb=.*range"),
    ({"fusion_max_qubit": -1}, ClusterConfigError, "fusion_max_qubit=-1.*range"),
    ({"max_parallel_shots": -1}, ClusterConfigError, "max_parallel_shots=-1.*range"),
    ({"noise_model": depolarizing_error(0.1, 1)}, OptionTypeError, "NoiseModel, not QuantumError"),
    ({"noise_model": FakeManilaV2()}, OptionTypeError, r"NoiseModel.from_backend\(device\)"),
    ({"shot": 5}, UnknownOptionError, "'shots'"),
    ({"max_jobsize": 5}, UnknownOptionError, "'max_job_size'"),
]


@pytest.mark.parametrize(("options", "error", "says"), OPTIONS)
@pytest.mark.parametrize("where", ["run", "set_options", "get_backend"])
def test_bad_options(provider, backend, options, error, says, where):
    call = {
        "run": lambda: backend.run(quick(), **options),
        "set_options": lambda: backend.set_options(**options),
        "get_backend": lambda: provider.get_backend("aer-local", workers=2, **options),
    }[where]
    with pytest.raises(error, match=says):
        call()
    assert backend.run(quick(), shots=5).result(timeout=60).success


@pytest.mark.parametrize("shots", [7, np.int64(7), np.uint8(7)])
def test_whole_shots_of_any_kind(backend, shots):
    assert backend.run(quick(), shots=shots).result(timeout=60).results[0].shots == 7


def test_whole_floats_are_still_cast_with_a_warning(backend):
    with pytest.warns(DeprecationWarning, match="shots"):
        assert backend.run(quick(), shots=100.0).result(timeout=60).results[0].shots == 100


# Primitives

PUB = r"PUB 1 \(circuit 'bad'\)"
PUBS = {
    "unbound": (rotated(), InvalidPubError, "PUB 1"),
    "too many values": ((two(), [[1, 2, 3]]), InvalidPubError, "PUB 1"),
    "NaN": ((rotated(), [NAN]), InvalidPubError, f"{PUB}.*nan"),
    "NaN in a gate": (rotated(NAN), InvalidPubError, f"{PUB} has nan in its instruction 0"),
    "NaN in control flow": (inside(INF), InvalidPubError, f"{PUB} has inf"),
    "an unknown gate": (appended(Gate("mystery", 1, [])), InvalidPubError, rf"{PUB}.*'mystery'.*transpile\("),
    "a label twice": (saved(("statevector", {}), ("statevector", {})), InvalidPubError, f"{PUB}.*'statevector'"),
    "a text": ("x", PubTypeError, "PUB 1"),
    "None": (None, PubTypeError, "PUB 1"),
    "shots 0": ((quick(), None, 0), InvalidPubError, "PUB 1: shots must be positive"),
    "shots -1": ((quick(), None, -1), InvalidPubError, "PUB 1: shots must be positive"),
    "shots 1.5": ((quick(), None, 1.5), PubTypeError, "PUB 1: shots must be an integer"),
    "shots NaN": ((quick(), None, NAN), PubTypeError, "PUB 1: shots must be an integer"),
    "shots True": ((quick(), None, True), PubTypeError, "PUB 1: shots must be an integer"),
    "a register named shape": (named("shape"), InvalidPubError, f"{PUB}.*shape.*another name"),
    "a register named __class__": (named("__class__"), InvalidPubError, f"{PUB}.*another name"),
}


@pytest.mark.parametrize("what", PUBS)
def test_bad_sampler_pubs(backend, what):
    pub, error, says = PUBS[what]
    with pytest.raises(error, match=says) as caught:
        SamplerV2(backend).run([quick(), pub])
    assert caught.value.index == 1
    assert SamplerV2(backend).run([quick()], shots=3).result(60)[0].data.c.num_shots == 3


@pytest.mark.parametrize("primitive", [SamplerV2, EstimatorV2])
@pytest.mark.parametrize("pubs", [None, 7, quick()])
def test_no_list_of_pubs(backend, primitive, pubs):
    with pytest.raises(PubTypeError, match="takes a list of PUBs"):
        primitive(backend).run(pubs)


@pytest.mark.parametrize(
    ("shots", "error"),
    [(0, InvalidPubError), (-1, InvalidPubError), (1.5, PubTypeError), (NAN, PubTypeError), (True, PubTypeError)],
)
def test_bad_shots_of_a_sampler_run(backend, shots, error):
    with pytest.raises(error, match="shots"):
        SamplerV2(backend).run([quick()], shots=shots)


ESTIMATES = {
    "an unknown gate": ((appended(Gate("mystery", 1, [])), "Z"), InvalidPubError, rf"{PUB}.*'mystery'.*transpile\("),
    "NaN in a gate": ((rotated(NAN), "Z"), InvalidPubError, f"{PUB} has nan"),
    "NaN": ((rotated(), "Z", [INF]), InvalidPubError, f"{PUB}.*inf"),
    "precision NaN": ((QuantumCircuit(1), "Z", None, NAN), InvalidPubError, "PUB 1.*precision"),
    "precision inf": ((QuantumCircuit(1), "Z", None, INF), InvalidPubError, "PUB 1.*precision"),
    "precision -1": ((QuantumCircuit(1), "Z", None, -1.0), InvalidPubError, "PUB 1.*precision"),
    "precision text": ((QuantumCircuit(1), "Z", None, "x"), PubTypeError, "PUB 1.*precision"),
}


@pytest.mark.parametrize("what", ESTIMATES)
@pytest.mark.parametrize("estimation", ["exact", "shots"])
def test_bad_estimator_pubs(backend, what, estimation):
    pub, error, says = ESTIMATES[what]
    options = {"backend_options": {"method": "statevector"}, "estimation": estimation, "default_precision": 0.1}
    estimator = EstimatorV2(backend, options=options)
    with pytest.raises(error, match=says) as caught:
        estimator.run([(QuantumCircuit(1), "Z"), pub])
    assert caught.value.index == 1
    assert estimator.run([(QuantumCircuit(1), "Z")]).result(60)[0].data.evs.shape == ()


@pytest.mark.parametrize("precision", [NAN, INF, -0.1])
def test_bad_precisions_of_an_estimator_run(backend, precision):
    with pytest.raises(InvalidPubError, match="precision"):
        EstimatorV2(backend).run([(QuantumCircuit(1), "Z")], precision=precision)


# Names of registers


def test_qiskit_itself_refuses_registers_of_one_name():
    circuit = QuantumCircuit(1, 1)
    with pytest.raises(Exception, match='"c" already exists'):
        circuit.add_register(ClassicalRegister(2, "c"))


@pytest.mark.parametrize("register", ["", "a b", "1x", "class", "q", "data", "_x"])
def test_strange_names_of_registers(backend, aer, same, register):
    """They give right answers, so that they are let through; DataBin is asked by item."""
    circuit = named(register)
    options = {"seed_simulator": 1, "shots": 5}
    same(backend.run(circuit, **options).result(timeout=60), aer.run(circuit, **options).result())
    data = SamplerV2(backend).run([circuit], shots=5).result(60)[0].data
    assert list(data) == [register]
    assert data[register].get_counts() == {"1": 5}


@pytest.mark.parametrize("register", ["keys", "items", "values", "size", "shape", "ndim"])
def test_names_that_a_sampler_cannot_give_are_no_matter_for_a_run(backend, aer, same, register):
    circuit = named(register)
    same(
        backend.run(circuit, shots=5, seed_simulator=1).result(timeout=60),
        aer.run(circuit, shots=5, seed_simulator=1).result(),
    )
    with pytest.raises(InvalidPubError, match="another name"):
        SamplerV2(backend).run([circuit])
    with pytest.raises((ValueError, TypeError)):
        primitives.SamplerV2().run([circuit]).result()


def test_bits_in_no_register(backend, aer, same):
    circuit = QuantumCircuit(QuantumRegister(1), [Clbit()])
    circuit.x(0)
    circuit.measure(0, 0)
    same(
        backend.run(circuit, shots=5, seed_simulator=1).result(timeout=60),
        aer.run(circuit, shots=5, seed_simulator=1).result(),
    )
    with pytest.warns(UserWarning, match="no classical registers"):
        assert list(SamplerV2(backend).run([circuit]).result(60)[0].data) == []


def test_registers_that_share_bits_keep_their_order(backend, aer, same):
    circuit = QuantumCircuit(QuantumRegister(3, "q"), ClassicalRegister(2, "c"))
    circuit.add_register(ClassicalRegister(name="alias", bits=[circuit.clbits[0]]))
    circuit.add_register(ClassicalRegister(2, "late"))
    circuit.h(0)
    circuit.measure([0, 1], [0, 1])
    circuit.measure([0, 1], [2, 3])
    options = {"shots": 20, "seed_simulator": 1}
    same(backend.run(circuit, **options).result(timeout=60), aer.run(circuit, **options).result())


# Nothing valid is refused


def test_the_names_are_aers():
    """As its assembler has them; it cannot be asked, because it crashes on an instruction without its parameters."""
    source = inspect.getsource(aer_compiler._assemble_op)
    gates, others = source.split("basis_gates is None", 1)
    assert set(re.findall(r'"(\w+)"', gates[gates.index("gate_name in {") :])) == GATES
    names = set(re.findall(r'name == "(\w+)"', others))
    for group in re.findall(r"name in [{(](.*?)[})]:", others, re.DOTALL):
        names |= set(re.findall(r'"(\w+)"', group))
    internal = {"qerror_loc", "aer_store", "for_loop", "while_loop", "if_else"}
    assert names - internal == INSTRUCTIONS


def test_the_methods_have_what_is_said_of_them():
    def has(method):
        configuration = AerSimulator(method=method).configuration()
        return {*configuration.basis_gates, *configuration.custom_instructions}

    assert has("stabilizer") >= CLIFFORD
    for name, method in METHOD_FOR.items():
        assert name in has(method), (name, method)
        assert name not in has("statevector"), name


def operations():
    """Qiskit's standard gates, some with more controls, open and closed, and some that have to be transpiled."""
    found = list(get_standard_gate_name_mapping().values())
    for name in ("h", "ry", "u", "swap", "sx", "rzz", "y", "z"):
        gate = get_standard_gate_name_mapping()[name]
        found += [gate.control(1), gate.control(2), gate.control(1, ctrl_state=0), gate.control(3, ctrl_state=5)]
    found += [library.MCXGate(k) for k in (2, 3, 4, 5)] + [library.MCPhaseGate(0.3, k) for k in (1, 2, 4)]
    found += [library.PermutationGate([1, 0]), library.StatePreparation([1, 0]), library.Isometry(np.eye(2), 0, 0)]
    found += [library.UCRYGate([0.1, 0.2]), library.HamiltonianGate(np.eye(2), 1.0), library.QFTGate(2)]
    return found


@pytest.mark.parametrize("device", [None, FakeManilaV2()], ids=["plain", "device"])
def test_what_is_refused_is_what_aer_refuses(device):
    aer = AerSimulator() if device is None else AerSimulator.from_backend(device)
    basis = None if device is None else aer.configuration().basis_gates
    told = {True: 0, False: 0}
    for operation in operations():
        circuit = QuantumCircuit(max(1, operation.num_qubits), operation.num_clbits, name=operation.name)
        circuit.append(operation, range(operation.num_qubits), range(operation.num_clbits))
        circuit = circuit.assign_parameters([0.1] * circuit.num_parameters)
        expected = nullcontext()
        known = True
        try:
            aer.run(circuit).result()
        except QiskitError as error:
            known = "unknown instruction" not in str(error)
            # A delay of a part of a dt can be made neither here nor there.
            refused = pytest.raises(InvalidCircuitError, match=r"transpile|Integer duration")
            expected = nullcontext() if known and operation.name != "delay" else refused
        told[known] += 1
        work = prepare([circuit], None, RunSettings({"shots": 2}, SliceOptions()))
        with expected:
            check_work(work, basis)
    assert min(told.values()) > 5


def flow():
    circuit = QuantumCircuit(2, 2)
    counter = circuit.add_var("counter", expr.lift(2, types.Uint(4)))
    circuit.h(0)
    circuit.measure(0, 0)
    with circuit.switch(circuit.clbits[0]) as case:
        with case(0):
            circuit.x(1)
        with case(case.DEFAULT):
            circuit.h(1)
    with circuit.for_loop(range(3)):
        circuit.h(1)
        circuit.measure(1, 1)
        with circuit.if_test((circuit.clbits[1], 1)):
            circuit.break_loop()
    with circuit.while_loop((circuit.clbits[1], 1)):
        circuit.h(1)
        circuit.measure(1, 1)
        with circuit.if_test((circuit.clbits[1], 0)):
            circuit.continue_loop()
    circuit.store(counter, 3)
    with circuit.for_loop(range(0)):
        circuit.append(Gate("never_run", 1, []), [0])
        circuit.rx(NAN, 0)
        circuit.save_state()
    circuit.save_state()
    return circuit


def valid():
    """Name -> a circuit that AerSimulator runs, and its options."""
    found = {"flow": (flow(), {})}
    operations = {
        "open control": (XGate().control(2, ctrl_state=1), 3),
        "open rotation": (RXGate(0.3).control(1, ctrl_state=0), 2),
        "sxdg": (SXdgGate(), 1),
        "kraus": (Kraus([np.eye(2)]).to_instruction(), 1),
        "superop": (SuperOp(np.eye(4)).to_instruction(), 1),
        "channel": (depolarizing_error(0.2, 1).to_instruction(), 1),
    }
    for name, (operation, qubits) in operations.items():
        circuit = QuantumCircuit(qubits, qubits)
        circuit.h(range(qubits))
        circuit.append(operation, range(operation.num_qubits), range(operation.num_clbits))
        circuit.measure(range(qubits), range(qubits))
        found[name] = circuit, {}
    several = QuantumCircuit(3, 3)
    several.initialize([1, 0, 0, 1] / np.sqrt(2), [0, 1])
    several.initialize("+", 2)
    several.pauli("XYZ", range(3))
    several.append(DiagonalGate([1, -1]), [0])
    several.unitary(random_unitary(4, seed=1), [0, 1], label="mine")
    several.barrier()
    several.delay(3, 0)
    several.reset(1)
    several.measure(range(3), range(3))
    found["instructions"] = several, {}
    for method, set_by, state in (
        ("statevector", "set_statevector", [0, 1]),
        ("density_matrix", "set_density_matrix", np.diag([0, 1])),
        ("unitary", "set_unitary", np.eye(2)),
        ("superop", "set_superop", np.eye(4)),
    ):
        circuit = QuantumCircuit(1)
        getattr(circuit, set_by)(state)
        circuit.h(0)
        circuit.save_state()
        found[set_by] = circuit, {"method": method}
    saves = QuantumCircuit(1, 1)
    saves.h(0)
    for kind in ("statevector", "probabilities", "density_matrix", "state"):
        getattr(saves, f"save_{kind}")()
    saves.save_amplitudes([0, 1])
    saves.save_amplitudes_squared([0])
    saves.save_expectation_value(Pauli("Z"), [0])
    saves.save_expectation_value_variance(Pauli("X"), [0])
    saves.save_statevector(label="counts of mine")
    found["saves"] = saves, {"method": "statevector"}
    found["saved in one round"] = saved_in_rounds(1), {}
    found["saved in no round"] = saved_in_rounds(0, after=True), {}
    unmeasured = QuantumCircuit(1)
    unmeasured.save_statevector(label="counts")
    found["a label that is free here"] = unmeasured, {}
    found["50 qubits of which one matters"] = wide(50, chain=False), {"method": "statevector"}
    found["62 of which one matters"] = wide(62, chain=False), {"max_memory_mb": -1}
    found["62 qubits, Clifford"] = wide(62, gate="s"), {"max_memory_mb": -1}
    found["62 qubits, MPS"] = wide(62), {"method": "matrix_product_state"}
    product = QuantumCircuit(100, 1)
    product.h(0)
    product.t(0)
    product.cx(0, 1)
    product.save_matrix_product_state()
    product.measure(1, 0)
    found["100 qubits, MPS since it is saved"] = product, {"max_memory_mb": -1}
    clifford = QuantumCircuit(100)
    clifford.h(range(100))
    clifford.save_stabilizer()
    clifford.save_expectation_value(Pauli("Z" * 100), range(100))
    found["100 qubits, stabilizer since it is saved"] = clifford, {"max_memory_mb": -1}
    found["an infinite delay of nothing"] = rotated(1e300), {}
    return found


VALID = valid()


@pytest.mark.parametrize("name", VALID)
def test_what_aer_runs_is_run(backend, aer, same, name):
    circuit, options = VALID[name]
    options = {"seed_simulator": 2, "shots": 20, **options}
    theirs = aer.run(circuit, **options).result()
    assert theirs.success, theirs.status
    same(backend.run(circuit, **options).result(timeout=60), theirs)


def test_gates_of_a_device_only(provider):
    device = FakeManilaV2()
    ours = provider.get_backend("aer-local", workers=2, from_backend=device)
    with pytest.raises(InvalidCircuitError, match=r"'h', which the simulated device does not have; transpile\("):
        ours.run(quick())
    with pytest.raises(InvalidPubError, match=r"PUB 0 .*'h', which the simulated device does not have"):
        SamplerV2(ours).run([quick()])
    allowed = QuantumCircuit(2, 2)
    allowed.sx(0)
    allowed.rz(0.3, 0)
    allowed.cx(0, 1)
    allowed.append(XGate().control(1, ctrl_state=0), [0, 1])
    allowed.unitary(random_unitary(2, seed=1), [0])
    allowed.save_probabilities()
    allowed.measure([0, 1], [0, 1])
    assert AerSimulator.from_backend(device).run(allowed).result().success
    assert ours.run(allowed).result(timeout=60).success


def test_a_large_circuit_is_read_in_milliseconds():
    """Operation objects are not made: 10,000 gates take 8 ms here, and 100 on the slowest machine of CI."""
    from time import perf_counter

    from qiskit_cluster_provider.engines.aer.contents import contents_of

    from .columns import columns_of

    circuit = QuantumCircuit(20)
    for index in range(5000):
        circuit.rz(0.1 * index, index % 20)
        circuit.cx(index % 20, (index + 1) % 20)
    spent = []
    for _ in range(5):
        start = perf_counter()
        assert contents_of(columns_of(circuit)).names == {"rz", "cx"}
        spent.append(perf_counter() - start)
    assert min(spent) < 0.1


# Where it runs


def test_a_closed_cluster():
    with ClusterProvider() as provider:
        backend = provider.get_backend("aer-local", workers=1)
        assert backend.run(quick(), shots=5).result(timeout=60).success
    for call in (
        lambda: backend.run(quick()),
        lambda: SamplerV2(backend).run([quick()]),
        lambda: EstimatorV2(backend).run([(QuantumCircuit(1), "Z")]),
    ):
        with pytest.raises(ClusterConnectionError, match="'aer-local' is closed; get the backend again"):
            call()
    with ThreadPoolExecutor(1) as executor:
        assert backend.run(quick(), executor=executor).result(timeout=60).success


def test_a_closed_client(backend):
    with LocalCluster(n_workers=1, processes=False, dashboard_address="127.0.0.1:0") as cluster:
        client = Client(cluster, set_as_default=False)
        executor = client.get_executor()
        with ClusterProvider() as provider:
            theirs = provider.get_backend("aer-dask", client=client)
            assert theirs.run(quick(), shots=5).result(timeout=60).success
            unused = provider.get_backend("aer-dask", client=client, shots=5)
            client.close()
            for one in (theirs, unused):
                with pytest.raises(ClusterConnectionError, match="Client is closed; hand over"):
                    one.run(quick())
        for closed in (client, executor):
            with pytest.raises(ClusterConnectionError, match="Client is closed; hand over"):
                backend.run(quick(), executor=closed)
    assert backend.run(quick()).result(timeout=60).success


@pytest.mark.parametrize("kind", [ThreadPoolExecutor, ProcessPoolExecutor])
@pytest.mark.parametrize("used", [False, True])
def test_an_executor_that_was_shut_down(backend, kind, used):
    executor = kind(1)
    if used:
        assert executor.submit(abs, -1).result(timeout=60) == 1
    executor.shutdown()
    with pytest.raises(ClusterConnectionError, match=f"{kind.__name__} was shut down; make a new one"):
        backend.run(quick(), executor=executor)
    assert backend.run(quick()).result(timeout=60).success


def test_an_executor_that_broke(backend):
    def broken():
        raise RuntimeError("no")

    with ThreadPoolExecutor(1, initializer=broken) as executor:
        with pytest.raises(RuntimeError):
            executor.submit(abs, 1).result(timeout=60)
        with pytest.raises(ClusterConnectionError, match="is broken"):
            backend.run(quick(), executor=executor)


def test_a_dead_address():
    with ClusterProvider() as provider:
        backend = provider.get_backend("aer-dask", address="tcp://127.0.0.1:1", timeout=1)
        job = backend.run(quick())
        with pytest.raises(ClusterConnectionError, match=r"tcp://127\.0\.0\.1:1: .*Check the address"):
            job.result(timeout=30)
