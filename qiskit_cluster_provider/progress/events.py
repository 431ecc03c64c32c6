"""What happens to a job, as frozen data. A progress bar, a log or a test is a listener of these."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .renamed import renamed


@dataclass(frozen=True)
class Event:
    """Base of all events. ``job_id`` says whose."""

    job_id: str


@dataclass(frozen=True)
class JobStarted(Event):
    """The plan is complete and the first slice is about to be submitted."""

    slices: int
    experiments: int


@dataclass(frozen=True)
class SliceStarted(Event):
    """A worker has begun slice ``index``; seen again if the slice had to be run again."""

    index: int
    worker: str


@dataclass(frozen=True)
class SliceDone(Event):
    """Slice ``index`` came back: ``experiments`` of them, ``failed`` by their own fault."""

    index: int
    experiments: int
    failed: int
    seconds: float


@dataclass(frozen=True)
class SliceRetried(Event):
    """Slice ``index`` was lost for ``reason`` and is sent again, for the ``attempt``-th time.

    ``outcome`` is the one word for it, as in :class:`~qiskit_cluster_provider.outcomes.Outcome`.
    """

    index: int
    attempt: int
    reason: str
    outcome: str = ""


@dataclass(frozen=True)
class SliceSplit(Event):
    """Slice ``index`` could not be run for ``reason``; it goes on as ``parts`` smaller slices."""

    index: int
    parts: int
    reason: str
    outcome: str = ""


@dataclass(frozen=True)
class SliceFailed(Event):
    """Slice ``index`` was given up.

    If its one experiment is at fault, ``poison`` names it by circuit name and index; else it is empty.
    """

    index: int
    reason: str
    outcome: str = ""
    poison: str = ""

    culprit = renamed("culprit", "poison")


@dataclass(frozen=True)
class ClusterTrouble(Event):
    """For ``reason`` no slice can run now (no worker, a lost scheduler); empty when it is over."""

    reason: str


@dataclass(frozen=True)
class JobFinished(Event):
    """The job has ended; ``status`` is the name of its final ``JobStatus``."""

    status: str


Listener = Callable[[Event], None]


@dataclass(frozen=True)
class Progress:
    """How far a job is, counted in slices and in experiments.

    ``experiments_failed`` counts experiments that have an error, a part of ``experiments_done`` if
    Aer reported it. ``seconds_left`` is ``None`` until a first slice has finished, and 0 at the end.
    """

    slices_done: int
    slices_failed: int
    slices_total: int
    experiments_done: int
    experiments_failed: int
    experiments_total: int
    seconds: float
    seconds_left: float | None

    def __str__(self) -> str:
        left = f", about {self.seconds_left:.0f} s left" if self.seconds_left else ""
        failed = f", {self.experiments_failed} failed" if self.experiments_failed else ""
        return (
            f"{self.experiments_done} of {self.experiments_total} experiments in {self.slices_done} of "
            f"{self.slices_total} slices{failed}{left}"
        )
