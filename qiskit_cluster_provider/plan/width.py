"""How many bytes the state of an experiment has, at least, and what to say where nobody has as many."""

from __future__ import annotations

from typing import NamedTuple

from .model import Item, Work
from .shapes import shape_of
from .shots import views

DENSE = {"statevector": 1, "density_matrix": 2, "unitary": 2, "superop": 4}
"""Method -> the state of n qubits has 2 ** (this * n) numbers."""
_MOST_BYTES = 2**48
"""No machine has as much memory: 256 TiB."""
_NARROW = 10  # qubits: no method stores more than that for them
_ADVICE = (
    "method='matrix_product_state' simulates many qubits with little entanglement, 'stabilizer' Clifford circuits"
)


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

    def lacks(self, room: str) -> str:
        """What to say of it: the end of a sentence that begins with the circuit.

        Args:
            room: what there is, for example ``the largest worker has 8,000 MB``.
        """
        smaller = ""
        if self.method == "density_matrix":
            smaller = f"method='statevector' needs {self.number} * 2**{self.qubits} bytes, "
        return (
            f"needs {self.number} * 2**{self.exponent} bytes ({self.bytes >> 20:,} MB) for {self.qubits} qubits with "
            f"method {self.method!r}, and {room}; {smaller}{_ADVICE}."
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


def too_big(work: Work, limit: int = 0) -> dict[int, str]:
    """Items that do not fit on any worker -> why.

    Of those whose method Aer chooses, only what it would crash on: without a limit of memory it tries any size.

    Args:
        work: of a run.
        limit: MB of the largest worker; 0 if nobody knows.
    """
    room = _MOST_BYTES
    if limit and "max_memory_mb" not in work.options:  # else the user knows better
        room = min(room, limit << 20)
    found: dict[int, str] = {}
    known: dict[int, State | None] = {}
    for index, item in enumerate(work.items):
        key = id(item.circuit)
        if key not in known:
            method = _dense_method(item, work)
            known[key] = None if method is None else full_state(item, work, method, room)
        state = known[key]
        if state is not None:
            found[index] = state.lacks(
                "no machine has as much"
                if state.bytes > _MOST_BYTES
                else f"the largest worker has {limit:,} MB. Take workers with more memory"
            )
    return found


def _dense_method(item: Item, work: Work) -> str | None:
    """The method that must store the whole state of ``item``; ``None`` if Aer is left to find out."""
    method = str(work.options.get("method", "automatic"))
    if method == "automatic":
        if 0 <= int(work.options.get("max_memory_mb", 0)) <= _MOST_BYTES >> 20 or item.circuit.num_qubits <= _NARROW:
            return None
        method = item.fact("shape", shape_of).automatic
    return method if method in DENSE else None
