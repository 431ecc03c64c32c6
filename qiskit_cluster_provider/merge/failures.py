"""Experiments that have no data, and why, by circuit name and global index."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ..plan import Plan, SliceResult

_ADVICE = (
    ". Take workers with more memory, or method='matrix_product_state' (little entanglement) or 'stabilizer' "
    "(Clifford circuits)."
)


@dataclass(frozen=True)
class Failure:
    """One experiment that failed.

    Attributes:
        index: its global number, its place in ``Result.results``.
        circuit: index of its circuit in the list given to ``run``.
        name: of the circuit.
        message: what Aer or the cluster said.
    """

    index: int
    circuit: int
    name: str
    message: str

    def __str__(self) -> str:
        return f"[Experiment {self.index}] circuit {self.name!r} (index {self.circuit}): {self.message}"


def failure(plan: Plan, index: int, message: str) -> Failure:
    """The failure of global experiment ``index``."""
    place = plan.work.item_of(index)
    item = plan.work.items[place]
    # What Aer was given may have been a template, with another name.
    message = message.removeprefix("ERROR: ").replace(f"Circuit {item.circuit.name} ", f"Circuit {item.name} ")
    if message.startswith("Insufficient memory") and _ADVICE not in message:
        message += _ADVICE
    return Failure(index, place, item.name, message)


def failures(plan: Plan, results: Iterable[SliceResult], lost: Mapping[int, str]) -> list[Failure]:
    """All failures, in the order of the experiments, each experiment once.

    Args:
        plan: of the job.
        results: of the slices that came back.
        lost: slice index -> why it was given up.
    """
    found: dict[int, Failure] = {}
    for result in results:
        start = plan.slices[result.index].experiments[0]
        for offset, status in result.errors.items():
            found.setdefault(start + offset, failure(plan, start + offset, status))
    for slice_index, reason in lost.items():
        for index in range(*plan.slices[slice_index].experiments):
            found.setdefault(index, failure(plan, index, reason))
    return [found[index] for index in sorted(found)]
