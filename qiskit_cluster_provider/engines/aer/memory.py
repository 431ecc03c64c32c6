"""How many bytes the state of an experiment has, at least, and what to say where nobody has as many."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from ...outcomes import Reason
from ...plan.circuits.columns import Columns
from ...plan.model import Item, Work
from ...versions import PROCESS_BYTES
from .gates import SAVED_NUMBERS
from .shapes import Shape, shape_of
from .shots import views

DENSE = {"statevector": 1, "density_matrix": 2, "unitary": 2, "superop": 4}
"""Method -> the state of n qubits has 2 ** (this * n) numbers."""
_MOST_BYTES = 2**48
"""No machine has as much memory: 256 TiB."""
_LITTLE = 64 * 2**20  # bytes: who has no more than that beside a state says nothing true by its limit
_NARROW = 10  # qubits: no method stores more than that for them
_ADVICE = (
    "method='matrix_product_state' simulates many qubits with little entanglement, 'stabilizer' Clifford circuits"
)

_LARGER = "Take workers with more memory; "
ShapeOf = Callable[[Item], Shape]


class State(NamedTuple):
    """The state of an experiment, stored in full: ``number`` bytes times 2 ** ``exponent``."""

    method: str
    qubits: int
    number: int
    exponent: int

    @property
    def bytes(self) -> int:
        """Its size."""
        return self.number << self.exponent

    def lacks(self, room: str, beside: str = "", first: str = "") -> Reason:
        """Why it does not fit: the end of a sentence that begins with the circuit.

        Args:
            room: what there is, for example ``the largest worker has 8,000 MB.``
            beside: what is needed beside it, as a part of the sentence.
            first: what to do before all else.
        """
        smaller = ""
        if self.method == "density_matrix":
            smaller = f"method='statevector' needs {self.number} * 2**{self.qubits} bytes, "
        return Reason(
            f"needs {self.number} * 2**{self.exponent} bytes ({self.bytes >> 20:,} MB) for {self.qubits} qubits with "
            f"method {self.method!r}{beside}, and {room}",
            hint=f"{first}{smaller}{_ADVICE}.",
        )


def full_state(item: Item, work: Work, method: str, more_than: int) -> State | None:
    """The state of ``item`` with ``method`` if it has more than ``more_than`` bytes.

    Aer drops the qubits that nothing measured or saved depends on; so do we.
    """
    if method not in DENSE:
        return None
    number = 8 if work.options.get("precision") == "single" else 16
    widest = State(method, item.circuit.num_qubits, number, DENSE[method] * item.circuit.num_qubits)
    if widest.bytes <= more_than or not work.options.get("enable_truncation", True):
        return widest if widest.bytes > more_than else None
    qubits = len({qubit for instruction in next(views(item)) for qubit in instruction.qubits})
    state = State(method, qubits, number, DENSE[method] * qubits)
    return state if state.bytes > more_than else None


def _shape(item: Item) -> Shape:
    return item.memoised("shape", shape_of)


def too_big(work: Work, limit: int = 0, shape: ShapeOf = _shape) -> dict[int, Reason]:
    """Items that do not fit on any worker -> why.

    Of those whose method Aer chooses, only what it would crash on: without a limit of memory it tries any size.

    Args:
        work: of a run.
        limit: MB of the largest worker; 0 if nobody knows.
        shape: of an item's circuit.
    """
    own_limit = limit << 20 if limit and "max_memory_mb" not in work.options else 0  # else the user knows better
    found: dict[int, Reason] = {}
    known: dict[int, Reason | None] = {}
    for index, item in enumerate(work.items):
        key = id(item.circuit)
        if key not in known:
            known[key] = _lacks(item, work, own_limit, shape)
        if (reason := known[key]) is not None:
            found[index] = reason
    return found


def _lacks(item: Item, work: Work, limit: int, shape: ShapeOf) -> Reason | None:
    """What ``item`` needs and no worker has, as the end of a sentence; ``None`` if it fits.

    Args:
        item: of the work.
        work: of a run.
        limit: bytes of the largest worker; 0 if nobody knows.
        shape: of its circuit.
    """
    method = _dense_method(item, work, shape)
    state = None if method is None else full_state(item, work, method, _MOST_BYTES)
    if state is not None:
        return state.lacks("no machine has as much")
    if not limit:
        return None
    saved = _saved_bytes(item, work) if shape(item).saves else 0
    room = f"the largest worker has {limit >> 20:,} MB."
    if method is not None:
        state = full_state(item, work, method, max(limit - PROCESS_BYTES - saved, min(limit, _LITTLE)))
        if state is not None:
            copies = f", {saved >> 20:,} MB for what it saves" if saved >> 20 else ""
            return state.lacks(room, f"{copies} and {PROCESS_BYTES >> 20} MB for Python, Qiskit and Aer", _LARGER)
    # What is saved is there twice when it is sent, whatever method computed it.
    if 2 * saved > max(limit - PROCESS_BYTES, min(limit, _LITTLE)):
        return Reason(
            f"saves {saved >> 20:,} MB, which are there twice when they are sent, beside {PROCESS_BYTES >> 20} MB "
            f"for Python, Qiskit and Aer, and {room}",
            hint=f"{_LARGER}save less, for example the expectation values.",
        )
    return None


def _saved_bytes(item: Item, work: Work) -> int:
    """Bytes of the states and matrices that one experiment of ``item`` saves in full, at least."""
    number = 8 if work.options.get("precision") == "single" else 16
    return number * item.memoised("saved numbers", _saved_numbers)


def _saved_numbers(circuit: Columns) -> int:
    """Complex numbers that it saves. Dictionaries have those alone that are not zero, so that nobody knows."""
    return sum(
        count << (SAVED_NUMBERS[word.name] * word.qubits)
        for word, count in circuit.occurrences
        if word.name in SAVED_NUMBERS
    )


def _dense_method(item: Item, work: Work, shape: ShapeOf) -> str | None:
    """The method that must store the whole state of ``item``; ``None`` if Aer is left to find out."""
    method = str(work.options.get("method", "automatic"))
    if method == "automatic":
        if 0 <= int(work.options.get("max_memory_mb", 0)) <= _MOST_BYTES >> 20 or item.circuit.num_qubits <= _NARROW:
            return None
        method = shape(item).automatic
    return method if method in DENSE else None
