"""How the instructions of each word become operations of Aer's C++.

Read from ``_assemble_op`` in ``qiskit_aer/backends/aer_compiler.py`` of qiskit-aer 0.17 and 0.18, which goes by the
names of operations alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from ....plan.circuits.columns import Free, Kind, Word
from ..gates import GATES

Add = Callable[[Any, list[int], list[float], Any], bool]
"""``add(circuit, qubits, numbers, operand)`` adds an instruction; false if it is for Aer's compiler."""
_Call = Callable[[Any, list[int], Any, str], object]
"""``call(circuit, qubits, params, label)`` adds an operation with the parameters that Qiskit's has."""


class Entry(NamedTuple):
    """What is done for an instruction.

    Attributes:
        kind: of the word; :attr:`Kind.GATE` for all that is passed on with its name and numbers.
        name, label: as Aer gets them.
        qubits, clbits, numbers: how many the instruction has.
        add: for other kinds than those of :class:`Kind`.
    """

    kind: str
    name: str
    label: str
    qubits: int
    clbits: int
    numbers: int
    add: Add | None = None


class Plan(NamedTuple):
    """What is done for the instructions of a word.

    Attributes:
        entry: for each.
        operations: of the C++ circuit that each becomes.
        binds: whether their numbers may be expressions.
    """

    entry: Entry
    operations: int = 1
    binds: bool = False


_IN_THE_LOOP = {Kind.MEASURE: 1, Kind.RESET: 1, Kind.UNITARY: 1, Kind.BARRIER: 0}
_CONTROLLED = frozenset({"controlled", "c4x", "mcx", "mcx_gray", "mcphase", "mcu1"})
_BARE = frozenset({"Gate", "Instruction", "DiagonalGate", "PauliGate", "UCGate"})


def plan_of(word: Word, basis_gates: Sequence[str] | None) -> Plan | None:
    """What is done for the instructions of ``word``; ``None`` if they are for Aer's compiler.

    Args:
        word: of a circuit.
        basis_gates: of the device that is simulated, or ``None``.
    """
    kind, name, label, qubits, clbits, numbers = word
    entry = Entry(kind, name, label or name, qubits, clbits, numbers)
    if kind in _IN_THE_LOOP:
        return Plan(entry, _IN_THE_LOOP[kind])
    gate, _, state = name.partition("_o")
    if gate not in GATES or (basis_gates is not None and gate not in basis_gates):
        made = _not_of_numbers(word)
        return None if made is None else Plan(entry._replace(add=made))
    if kind == Kind.GATE:
        return Plan(entry, binds=True)
    if kind in _CONTROLLED:
        opened = [place for place in range(qubits - 1) if state and not int(state) >> place & 1]
        return Plan(entry._replace(add=_controlled(gate, label, opened)), 1 + 2 * len(opened), binds=True)
    if kind == "delay":
        return Plan(entry._replace(add=_delay(label or name)))
    return Plan(entry._replace(add=_calling(_gate(name), entry.label))) if kind == "Gate" and not state else None


def _controlled(gate: str, label: str | None, opened: Sequence[int]) -> Add:
    """A gate between X gates on its open controls, which get its numbers too, as Aer's assembler has it."""

    def add(circuit: Any, qubits: list[int], numbers: list[float], _: Any) -> bool:
        around = [[qubits[place]] for place in opened]
        for on in around:
            circuit.gate("x", on, numbers, [], -1, None, label or "x")
        circuit.gate(gate, qubits, numbers, [], -1, None, label or gate)
        for on in around:
            circuit.gate("x", on, numbers, [], -1, None, label or "x")
        return True

    return add


def _delay(label: str) -> Add:
    def add(circuit: Any, qubits: list[int], _: list[float], operand: Any) -> bool:
        how, duration, _unit = operand
        if how != "number" or isinstance(duration, Free):
            return False
        circuit.gate("delay", qubits, [duration], [], -1, None, label)
        return True

    return add


def _not_of_numbers(word: Word) -> Add | None:
    """For an operation with parameters of other sorts."""
    kind, name = word.kind, word.name
    label = word.label or name
    if kind.startswith("aer.Save"):
        save = _SAVES.get(name, None if name not in _SAVED else _save)
        return None if save is None else _saving(save, name, label)
    if kind == name == "initialize":
        return _initialize
    call = _CALLS.get(name) if kind in _BARE or kind.startswith("aer.Set") else None
    return None if call is None else _calling(call, label)


def _gate(name: str) -> _Call:
    return lambda circuit, on, params, label: circuit.gate(name, on, params, [], -1, None, label)


def _calling(call: _Call, label: str) -> Add:
    """For an operation that is nothing but a name and parameters."""

    def add(circuit: Any, qubits: list[int], numbers: list[float], operand: Any) -> bool:
        params = numbers if operand[0] is None else operand[0]
        if any(isinstance(one, Free) for one in params):
            return False
        call(circuit, qubits, params, label)
        return True

    return add


def _initialize(circuit: Any, qubits: list[int], _: list[float], operand: Any) -> bool:
    if len(operand) == 1 or not isinstance(operand[0], complex):
        return False  # of labels or a number, which Aer's compiler turns into gates
    circuit.initialize(qubits, operand)
    return True


def _saving(save: Any, name: str, label: str) -> Add:
    def add(circuit: Any, qubits: list[int], numbers: list[float], operand: Any) -> bool:
        params, subtype = operand
        save(circuit, qubits, name, numbers if params is None else params, subtype, label)
        return True

    return add


def _save(circuit: Any, qubits: list[int], name: str, _: Any, subtype: str, label: str) -> None:
    circuit.save_state(qubits, name, subtype, label)


def _save_amplitudes(circuit: Any, qubits: list[int], name: str, params: Any, subtype: str, label: str) -> None:
    circuit.save_amplitudes(qubits, name, params, subtype, label)


def _save_means(circuit: Any, qubits: list[int], name: str, params: Any, subtype: str, label: str) -> None:
    paulis = [pauli for pauli, _ in params]
    reals, imaginaries = ([pair[which] for _, pair in params] for which in (0, 1))
    circuit.save_expval(qubits, name, paulis, reals, imaginaries, subtype, label)


_SAVED = frozenset({
    "save_statevector", "save_statevector_dict", "save_clifford", "save_probabilities", "save_probabilities_dict",
    "save_matrix_product_state", "save_unitary", "save_superop", "save_density_matrix", "save_state",
    "save_stabilizer",
})  # fmt: skip
_SAVES: Mapping[str, Any] = {
    "save_amplitudes": _save_amplitudes,
    "save_amplitudes_sq": _save_amplitudes,
    "save_expval": _save_means,
    "save_expval_var": _save_means,
}
_CALLS: Mapping[str, _Call] = {
    "diagonal": lambda circuit, on, params, label: circuit.diagonal(on, params, -1, label),
    "pauli": lambda circuit, on, params, label: circuit.gate("pauli", on, [], params, -1, None, label),
    "multiplexer": lambda circuit, on, params, label: circuit.multiplexer(on, params, -1, None, label),
    "kraus": lambda circuit, on, params, _: circuit.kraus(on, params, -1, None),
    "superop": lambda circuit, on, params, _: circuit.superop(on, params[0], -1, None),
    "roerror": lambda circuit, on, params, _: circuit.roerror(on, params),
    "set_statevector": lambda circuit, on, params, _: circuit.set_statevector(on, params),
    "set_unitary": lambda circuit, on, params, _: circuit.set_unitary(on, params),
    "set_density_matrix": lambda circuit, on, params, _: circuit.set_density_matrix(on, params),
    "set_stabilizer": lambda circuit, on, params, _: circuit.set_clifford(on, params),
    "set_superop": lambda circuit, on, params, _: circuit.set_superop(on, params),
    "set_matrix_product_state": lambda circuit, on, params, _: circuit.set_matrix_product_state(on, params),
}
