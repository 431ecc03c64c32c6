"""How many bytes the state of an experiment has, at least, and what to say where nobody has as many."""

from __future__ import annotations

from typing import NamedTuple

from .model import Item, Work
from .shots import views

DENSE = {"statevector": 1, "density_matrix": 2, "unitary": 2, "superop": 4}
"""Method -> the state of n qubits has 2 ** (this * n) numbers."""
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


def too_big(work: Work, limit: int) -> dict[int, str]:
    """Items that do not fit on any worker -> why. Only those whose method is pinned; Aer chooses the others'.

    Args:
        work: of a run.
        limit: MB of the largest worker.
    """
    if "max_memory_mb" in work.options:
        return {}  # the user knows better
    method = str(work.options.get("method", "automatic"))
    found: dict[int, str] = {}
    known: dict[int, State | None] = {}
    for index, item in enumerate(work.items):
        key = id(item.circuit)
        if key not in known:
            known[key] = full_state(item, work, method, limit << 20)
        state = known[key]
        if state is not None:
            found[index] = state.lacks(f"the largest worker has {limit:,} MB. Take workers with more memory")
    return found
