"""Circuits and calls as plain data: what hypothesis draws, prints and shrinks, and what another process can build.

Not every circuit can be pickled (a ``switch`` with a default cannot), but every recipe can.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from qiskit.circuit import ClassicalRegister, Clbit, Parameter, QuantumCircuit, QuantumRegister, library
from qiskit.circuit.classical import expr, types
from qiskit.quantum_info import Kraus, SparsePauliOp, SuperOp, random_statevector, random_unitary
from qiskit_aer.noise import (
    NoiseModel,
    ReadoutError,
    amplitude_damping_error,
    depolarizing_error,
    pauli_error,
    reset_error,
    thermal_relaxation_error,
)

from .. import noise_errors
from .in_place import change


@dataclass
class Recipe:
    """One circuit.

    ``steps`` are tuples that begin with a word of :func:`_step`; a parameter in them is a text, see
    :func:`number`.
    """

    qubits: int
    clbits: int
    steps: list[tuple[Any, ...]]
    name: str = "c"
    split: bool = False  # each bit in a register of its own, and one bit in none
    phase: Any = 0.0
    metadata: Any = None


@dataclass
class Call:
    """One call of ``run``: circuits, values by the parameters' names, options for Aer and for us, and the places at
    which circuits are changed in place before it.
    """

    circuits: list[Recipe]
    binds: list[Any] | None = None
    options: dict[str, Any] = field(default_factory=dict)
    ours: dict[str, Any] = field(default_factory=dict)
    changes: tuple[int, ...] = ()


def number(value, parameters):
    """A number as it is; ``"a"``, ``"2a"`` and ``"a+b"`` are expressions of parameters."""
    if not isinstance(value, str):
        return value
    if value == "a+b":
        return number("a", parameters) + number("b", parameters)
    found = parameters.setdefault(value[-1], Parameter(value[-1]))
    return 2 * found if value[0] == "2" else found


def build(recipe):
    qubits, clbits = recipe.qubits, recipe.clbits
    if recipe.split:
        circuit = QuantumCircuit(QuantumRegister(1, "first"))
        if qubits > 1:
            circuit.add_register(QuantumRegister(qubits - 1, "rest"))
        if clbits > 1:
            circuit.add_register(ClassicalRegister(clbits - 1, "odd"))
        circuit.add_bits([Clbit()] if clbits else [])
    else:
        circuit = QuantumCircuit(QuantumRegister(qubits, "q"))
        if clbits:
            circuit.add_register(ClassicalRegister(clbits, "c"))
    parameters = {}
    circuit.name = recipe.name
    if recipe.metadata is not None:
        circuit.metadata = recipe.metadata
    circuit.global_phase = number(recipe.phase, parameters)
    _steps(circuit, recipe.steps, parameters)
    return circuit


def _steps(circuit, steps, parameters):
    for step in steps:
        _step(circuit, step, parameters)


def _step(circuit, step, parameters):
    word, *rest = step
    if word == "gate":
        name, angles, qubits, control = rest
        kind = getattr(library, name)
        options = {} if control is None else {"ctrl_state": control}
        if name in ("MCXGate", "MCPhaseGate"):
            angles = [*angles, len(qubits) - 1]
        circuit.append(kind(*[number(a, parameters) for a in angles], **options), qubits)
    elif word in ("measure", "reset", "barrier", "delay", "initialize", "pauli"):
        getattr(circuit, word)(*rest)
    elif word == "save":
        name, arguments, options = rest
        if name.startswith("expectation"):
            arguments = [SparsePauliOp(arguments[0]), *arguments[1:]]
        getattr(circuit, f"save_{name}")(*arguments, **options)
    elif word == "set":
        circuit.set_statevector(random_statevector(2**circuit.num_qubits, seed=rest[0]))
    elif word == "unitary":
        seed, qubits, label = rest
        circuit.unitary(random_unitary(2 ** len(qubits), seed=seed), qubits, label=label)
    elif word == "diagonal":
        seed, qubits = rest
        angles = np.random.default_rng(seed).uniform(0, 6, 2 ** len(qubits))
        circuit.append(library.DiagonalGate(list(np.exp(1j * angles))), qubits)
    elif word == "channel":
        kind, qubit = rest
        kraus = Kraus(amplitude_damping_error(0.3))
        found = {
            "kraus": kraus.to_instruction,
            "superop": SuperOp(kraus).to_instruction,
            "error": lambda: depolarizing_error(0.3, 1),
            "pauli": lambda: pauli_error([("X", 0.25), ("I", 0.75)]),
            "reset": lambda: reset_error(0.2, 0.1),
        }[kind]()
        circuit.append(found, [qubit])
    elif word == "store":
        bit = circuit.add_var(f"v{circuit.num_vars}", expr.lift(circuit.clbits[rest[0]]))
        circuit.store(bit, expr.logic_not(bit))
        with circuit.if_test(bit):
            circuit.x(0)
    elif word == "wide":
        whole = circuit.add_var(f"w{circuit.num_vars}", expr.lift(rest[0], types.Uint(8)))
        with circuit.if_test(expr.less(whole, 200)):
            circuit.x(0)
    else:
        _flow(circuit, word, rest, parameters)


def _flow(circuit, word, rest, parameters):
    if word == "if":
        bit, yes, no = rest
        with circuit.if_test((circuit.clbits[bit], 1)) as otherwise:
            _steps(circuit, yes, parameters)
        with otherwise:
            _steps(circuit, no, parameters)
    elif word == "expr":
        bit, yes = rest
        condition = expr.logic_not(circuit.clbits[bit])
        if circuit.cregs:
            condition = expr.logic_or(condition, expr.equal(circuit.cregs[0], 1))
        with circuit.if_test(condition):
            _steps(circuit, yes, parameters)
    elif word == "for":
        values, steps = rest
        with circuit.for_loop(values):
            _steps(circuit, steps, parameters)
    elif word == "turns":
        values, qubit = rest
        with circuit.for_loop(values) as turn:
            circuit.rx(turn * 0.5, qubit)
    elif word == "while":  # ends with probability one, and soon
        bit, steps = rest
        with circuit.while_loop((circuit.clbits[bit], 0)):
            _steps(circuit, steps, parameters)
            circuit.reset(0)
            circuit.h(0)
            circuit.measure(0, bit)
    elif word == "switch":
        value, steps, other = rest
        target = circuit.cregs[0] if circuit.cregs else circuit.clbits[0]
        with circuit.switch(target) as case:
            with case(*value):
                _steps(circuit, steps, parameters)
            with case(case.DEFAULT):
                _steps(circuit, other, parameters)
    elif word == "break":
        with circuit.if_test((circuit.clbits[rest[0]], 1)):
            circuit.break_loop()
    else:
        raise ValueError(word)


def _noise(*errors, readout=False, **options):
    model = NoiseModel(**options)
    for error, names in errors:
        model.add_all_qubit_quantum_error(error, names)
    if readout:
        model.add_all_qubit_readout_error(ReadoutError([[0.9, 0.1], [0.2, 0.8]]))
    return model


def _local():
    model = NoiseModel()
    model.add_quantum_error(amplitude_damping_error(0.3), ["x", "h"], [0])
    model.add_quantum_error(depolarizing_error(0.2, 2), ["cx"], [0, 1])
    model.add_readout_error(ReadoutError([[0.7, 0.3], [0.1, 0.9]]), [1])
    return model


ONE, TWO = ["h", "x", "sx", "rx", "u", "t"], ["cx", "cz", "swap", "cp"]
NOISE = {
    "pauli": lambda: _noise((depolarizing_error(0.1, 1), ONE), (depolarizing_error(0.1, 2), TWO)),
    "kraus": lambda: _noise((amplitude_damping_error(0.2), ONE), readout=True),
    "readout": lambda: _noise(readout=True),
    "reset": lambda: _noise((reset_error(0.2), [*ONE, "measure"])),
    "measure": lambda: _noise((pauli_error([("X", 0.2), ("I", 0.8)]), ["measure", "reset"])),
    "thermal": lambda: _noise((thermal_relaxation_error(50e3, 70e3, 5000), ONE)),
    "delay": lambda: _noise((thermal_relaxation_error(50e3, 70e3, 5000), ["delay", "id"])),
    "local": _local,
    "empty": NoiseModel,
    "own": lambda: _noise((depolarizing_error(0.2, 1), ["mine", "unitary"]), basis_gates=["cx", "mine"]),
    "later": lambda: _noise((noise_errors.LaterError(1), ONE), (amplitude_damping_error(0.2), ["id"])),
    **{
        name: lambda kind=kind: _noise((noise_errors.make(kind, 1), ONE), (noise_errors.make(kind, 2), TWO))
        for name, kind in noise_errors.classes().items()
    },
}
"""By a name each; those of all classes of error that the installed Aer has are found by looking."""


def noise(name):
    """A noise model by its name; anything else is left as it is."""
    return NOISE[name]() if isinstance(name, str) and name in NOISE else name


def arguments(call):
    """Circuits, binds and Aer's options of ``call``, as ``run`` takes them."""
    circuits = [build(one) for one in call.circuits]
    change(circuits, call.changes)
    binds = call.binds
    if binds is not None:
        known = {p.name: p for circuit in circuits for p in circuit.parameters}
        binds = [
            {_own(circuits, index, name, known): values for name, values in bind.items()}
            if isinstance(bind, dict)
            else bind
            for index, bind in enumerate(binds)
        ]
    options = dict(call.options)
    if "noise_model" in options:
        options["noise_model"] = noise(options["noise_model"])
    return circuits, binds, options


def _own(circuits, index, name, known):
    own = {p.name: p for p in circuits[index].parameters} if index < len(circuits) else {}
    return own.get(name) or known.get(name) or Parameter(name)
