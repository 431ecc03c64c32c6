"""What a plan asks of the engine that will run it: its seeds, and what its work costs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from ..outcomes import Reason
from .calibration import Calibration

if TYPE_CHECKING:
    from .model import Batch, Item, Slice, Work


class Cost(NamedTuple):
    """Seconds of an item.

    Attributes:
        method: how the engine is expected to simulate it.
        once: seconds for each call of the engine that has experiments of the item.
        each: seconds of each experiment.
        known: whether the engine has a formula for it; else ``once`` and ``each`` are a guess.
        kind: names the items for which the formula is wrong by the same factor.
    """

    method: str
    once: float
    each: float
    known: bool = True
    kind: str = ""


class Placement(NamedTuple):
    """Where a run is simulated.

    Attributes:
        here: in this process.
        why: in words.
    """

    here: bool
    why: str


@dataclass(frozen=True)
class PickledPart:
    """A part of a run that only a pickle carries.

    Attributes:
        where: the circuit, the PUB or the noise model.
        reason: what in it is not data: the end of a sentence.
        circuit, index: name and index of a circuit or PUB.
    """

    where: str
    reason: str
    circuit: str | None = None
    index: int | None = None


class ResourceEstimate(ABC):
    """Estimates the run time and the peak memory of experiments and slices.

    Attributes:
        work: whose experiments and slices it estimates.
        per_call: seconds of each call of the engine, besides its experiments.
    """

    work: Work
    per_call: float

    @abstractmethod
    def at(self, calibration: Calibration) -> ResourceEstimate:
        """The same estimate at another place, of whose speed ``calibration`` knows."""

    @abstractmethod
    def cost(self, item: Item, shots: int) -> Cost:
        """Seconds of ``item`` with ``shots`` shots."""

    @abstractmethod
    def total(self) -> tuple[float, bool]:
        """Seconds of all experiments on one thread, and whether the engine has a formula for all of them."""

    @abstractmethod
    def kept(self, item: Item) -> float:
        """Bytes that stay of each experiment of ``item`` until its slice is done."""

    @abstractmethod
    def with_cost(self, piece: Slice) -> Slice:
        """``piece`` with the seconds that it probably takes, and their kind if all its experiments are of one."""

    @abstractmethod
    def observe(self, piece: Slice, seconds: float) -> None:
        """Learn from a slice that took so many ``seconds``."""

    @abstractmethod
    def learned_from(self) -> int:
        """How many slices that ran have improved the costs that were asked for."""

    @abstractmethod
    def timeout(self, piece: Slice) -> float:
        """Seconds after which ``piece`` is ended if the user gives no ``slice_timeout``: generous, never infinite."""

    @abstractmethod
    def memory(self, piece: Slice) -> int:
        """MB that ``piece`` probably needs at its peak; 0 if that is too little to count."""

    @abstractmethod
    def too_big(self, limit: int = 0) -> dict[int, Reason]:
        """Items of the work that fit on no worker, and why: the end of a sentence that begins with the circuit.

        Args:
            limit: MB of the largest worker; 0 if that is unknown.
        """

    @abstractmethod
    def has_arrays(self, piece: Slice) -> bool:
        """Whether large arrays may come back of ``piece``."""


class Engine(ABC):
    """Who runs a plan. Engines are stateless and immutable, so that plans of several providers share one."""

    @abstractmethod
    def seed(self, base: int, experiment: int, first_shot: int = 0) -> int:
        """The seed with which one undivided run from ``base`` on would simulate ``experiment``, from a shot on.

        Args:
            base: of the batch.
            experiment: its number in the batch.
            first_shot: of a range of shots.
        """

    @abstractmethod
    def noise_data(self, noise_model: Any, channel_errors: Iterable[Any]) -> Mapping[str, Any] | None:
        """A noise model in plain Python and arrays, for the wire; ``None`` if it has parts that are not data.

        Args:
            noise_model: of a run, or ``None``.
            channel_errors: of one of its batches.
        """

    @abstractmethod
    def pickled_parts(self, work: Work) -> Iterable[PickledPart]:
        """What of ``work`` would have to be pickled to be sent."""

    @abstractmethod
    def estimate(self, work: Work, calibration: Calibration | None = None) -> ResourceEstimate:
        """What the experiments and slices of ``work`` cost.

        Args:
            work: of a run.
            calibration: of the place where it is to run; default: none, the estimates as they are.
        """

    @abstractmethod
    def divisible(self, work: Work, batch: Batch, item: Item) -> bool:
        """Whether any ranges of shots of an experiment of ``item`` are proven to give every bit of its answer.

        Args:
            work: of a run.
            batch: of it.
            item: of the batch.
        """

    @abstractmethod
    def place(self, estimate: ResourceEstimate, *, safe_in_process: bool) -> Placement:
        """Whether the work of ``estimate`` is simulated faster, and without harm, in this process.

        Args:
            estimate: of the work, by what is known of this process.
            safe_in_process: whether no circuit of it might end its process, or never end.
        """
