"""Experiments that have no data, and why, by circuit name and global index."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ..outcomes import Reason
from ..plan import Planned, SliceResult

_ADVICE = (
    "Take workers with more memory, or method='matrix_product_state' (little entanglement) or 'stabilizer' "
    "(Clifford circuits)."
)


class Failed(ABC):
    """Something that was to be run and has no data. A mixin."""

    message: str
    hint: str
    detail: str

    @property
    @abstractmethod
    def where(self) -> str:
        """What failed."""

    @property
    def reason(self) -> Reason:
        """Message, hint and detail."""
        return Reason(self.message, self.hint, self.detail)

    @property
    def line(self) -> str:
        """All but the detail."""
        return f"{self.where}: {self.reason.line}"

    def __str__(self) -> str:
        return f"{self.where}: {self.reason}"


@dataclass(frozen=True)
class Failure(Failed):
    """One experiment that failed.

    Attributes:
        index: its global number, its place in ``Result.results``.
        circuit: index of its circuit in the list given to ``run``.
        name: of the circuit.
        message: what Aer or the cluster said, in one line.
        hint: the next step; empty if there is none.
        detail: what is too long for a line, such as a traceback; empty if there is none.
    """

    index: int
    circuit: int
    name: str
    message: str
    hint: str = ""
    detail: str = ""

    @property
    def where(self) -> str:
        """The experiment and its circuit."""
        return f"[Experiment {self.index}] circuit {self.name!r} (index {self.circuit})"


def reason_in(status: str, ran: str = "", name: str = "") -> Reason:
    """Why Aer could not run an experiment, with what to do about it where Aer does not say so.

    Args:
        status: of the experiment, as Aer has it: ``ERROR:``, and then the reason.
        ran: name of what Aer was given, which may have been a template.
        name: of the user's circuit, which stands in its place.
    """
    message, _, rest = status.removeprefix("ERROR: ").replace(f"Circuit {ran} ", f"Circuit {name} ").partition("\n")
    if message.startswith("Insufficient memory"):
        return Reason(f"{message}.", _ADVICE, rest.strip())
    return Reason(message, detail=rest.strip())


def failure(plan: Planned, index: int, why: Reason | str) -> Failure:
    """The failure of global experiment ``index``: a status of Aer's, or why its slice was given up."""
    place = plan.manifest.item_of(index)
    item = plan.manifest.items[place]
    reason = reason_in(why, item.ran, item.name) if isinstance(why, str) else why
    return Failure(index, place, item.name, reason.message, reason.hint, reason.detail)


def failures(plan: Planned, results: Iterable[SliceResult], lost: Mapping[int, Reason]) -> list[Failure]:
    """All failures, in the order of the experiments, each experiment once.

    Args:
        plan: of the job.
        results: of the slices that came back.
        lost: slice index -> why it was given up.
    """
    found: dict[int, Failure] = {}
    for result in sorted(results, key=lambda result: result.index):  # whatever came back first
        start = plan.slices[result.index].experiments[0]
        for offset, status in result.refused.items():
            found.setdefault(start + offset, failure(plan, start + offset, status))
    for slice_index, reason in sorted(lost.items()):
        for index in range(*plan.slices[slice_index].experiments):
            found.setdefault(index, failure(plan, index, reason))
    return [found[index] for index in sorted(found)]
