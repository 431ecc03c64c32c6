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


def describe(index: int, circuit: int, name: str, ran: str, message: str) -> Failure:
    """A failure in words, with what to do about it where Aer does not say so.

    Args:
        index: of the experiment.
        circuit: index of the circuit in the user's list.
        name: of the user's circuit.
        ran: name of what Aer was given, which may have been a template.
        message: Aer's.
    """
    message = message.removeprefix("ERROR: ").replace(f"Circuit {ran} ", f"Circuit {name} ")
    if message.startswith("Insufficient memory") and _ADVICE not in message:
        message += _ADVICE
    return Failure(index, circuit, name, message)


def failure(plan: Plan, index: int, message: str) -> Failure:
    """The failure of global experiment ``index``."""
    place = plan.work.item_of(index)
    item = plan.work.items[place]
    return describe(index, place, item.name, item.circuit.name, message)


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
        for offset, status in result.refused.items():
            found.setdefault(start + offset, failure(plan, start + offset, status))
    for slice_index, reason in lost.items():
        for index in range(*plan.slices[slice_index].experiments):
            found.setdefault(index, failure(plan, index, reason))
    return [found[index] for index in sorted(found)]
