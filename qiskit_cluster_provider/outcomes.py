"""How jobs, slices and attempts stand and end, and why: the words that the whole package uses for it.

This module needs the standard library alone, because a worker answers with these words, and a Dask scheduler imports
what its workers import. A member is a text too: it compares, prints and travels as its value. Between processes only
the value travels, so that another release can read it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

_ENDS = ".:"


class JobState(StrEnum):
    """The state of a job. Each member has the name of a ``qiskit.providers.JobStatus``."""

    INITIALIZING = "INITIALIZING"
    """The job is made and not submitted. VALIDATING follows."""
    VALIDATING = "VALIDATING"
    """The cluster is being reached, and the plan is being made. QUEUED or RUNNING follows, or one of the ends."""
    QUEUED = "QUEUED"
    """The plan is made, and no worker has begun a slice. RUNNING follows, or one of the ends."""
    RUNNING = "RUNNING"
    """A worker has begun a slice. One of the ends follows."""
    DONE = "DONE"
    """An end. Each slice has a result, or its one experiment is at fault. ``result()`` returns."""
    ERROR = "ERROR"
    """An end. Slices are lost, or the job could not go on. ``result()`` raises."""
    CANCELLED = "CANCELLED"
    """An end. The user cancelled the job. ``result()`` raises."""


class SliceState(StrEnum):
    """The state of a slice."""

    WAITING = "waiting"
    """It is in this process, to be sent for the first time or again. QUEUED follows, or
    CANCELLED, or FAILED if it can never be sent."""
    QUEUED = "queued"
    """It is on its way to a worker. RUNNING follows, one of the ends, or WAITING if it does not come back."""
    RUNNING = "running"
    """A worker has begun it. One of the ends follows, or WAITING if it does not come back."""
    DONE = "done"
    """An end. Its result is there."""
    FAILED = "failed"
    """An end. It will never have a result."""
    CANCELLED = "cancelled"
    """An end. The job was cancelled, or could not go on, before the slice had another end."""


class Outcome(StrEnum):
    """How an attempt to run a slice stands or ended. The retry rule decides what follows."""

    QUEUED = "queued"
    """It has not ended, and no worker has begun it. RUNNING or an end follows."""
    RUNNING = "running"
    """It has not ended. An end follows."""
    DONE = "done"
    """Its result is there. Nothing follows."""
    ERROR = "error"
    """Aer or this package raised an error. The slice is given up: it would raise again."""
    CRASHED = "crashed"
    """Its simulating process ended by a signal or an exit. The slice is sent again, then split; an experiment that
    crashes alone is at fault."""
    TIMED_OUT = "timed out"
    """It took longer than ``slice_timeout``, and its simulating process was ended. The slice is split at once; an
    experiment that times out alone is tried once more, unless ``retries=0``, and is at fault then."""
    UNREADY = "unready"
    """No simulating process could be started for it. The slice is sent again, ``retries`` times, then given up."""
    LOST = "lost"
    """Its worker ended with it, or answered with something else than a result. The slice is sent again, then split;
    an experiment that is lost alone is sent again ``retries`` times, then given up."""
    DISCONNECTED = "disconnected"
    """The scheduler forgot it, or the connection to the scheduler ended. It is sent again up to
    20 times, which are not counted as retries, then given up."""
    TOO_SMALL = "small"
    """Only as the answer of a worker that has too few threads. The attempt counts as DISCONNECTED."""
    UNFIT = "unfit"
    """Only as the answer of a worker that has other versions than the client. The job ends."""
    REFUSED = "refused"
    """It was never sent: no worker has memory enough for its experiment, which is at fault."""
    CANCELLED = "cancelled"
    """The job was cancelled, or could not go on, before the attempt ended. Nothing follows. As the answer of a worker
    in a job that was not cancelled, the attempt counts as LOST."""


ANSWERS = frozenset(
    {
        Outcome.DONE,
        Outcome.ERROR,
        Outcome.CRASHED,
        Outcome.TIMED_OUT,
        Outcome.UNREADY,
        Outcome.TOO_SMALL,
        Outcome.UNFIT,
        Outcome.CANCELLED,
    }
)
"""What a worker may answer."""


@dataclass(frozen=True)
class Reason:
    """Why something could not be done, in parts, for what is kept or sent and not raised.

    Attributes:
        message: The fact, in one line.
        hint: The next step. Empty if there is none.
        detail: What is too long for a line: a traceback, the last output of a process. Empty if there is none.
    """

    message: str
    hint: str = ""
    detail: str = ""

    @classmethod
    def of(cls, error: BaseException) -> Reason:
        """The name of an error's class and its words.

        Words of several lines are detail after the first, for errors of other packages may be as long as they like.
        """
        name, reason = type(error).__name__, getattr(error, "reason", None)
        if isinstance(reason, Reason):  # of one of our errors
            return reason.within(f"{name}: ")
        first, _, rest = str(getattr(error, "message", None) or error).strip().partition("\n")
        return cls(f"{name}: {first}" if first else f"{name}, without a word", detail=rest.strip())

    def within(self, before: str) -> Reason:
        """The same, with ``before`` in front of its message."""
        return replace(self, message=f"{before}{self.message}")

    def but(self, note: str) -> Reason:
        """The same, with ``note`` at the end of its message."""
        return replace(self, message=f"{self.message}{note}")

    @property
    def fact(self) -> str:
        """The message without the full stop or colon after it, so that another sentence can quote it."""
        return self.message.rstrip(_ENDS)

    @property
    def line(self) -> str:
        """The message and the hint."""
        if not self.hint:
            return self.message
        return f"{self.message}{' ' if self.message.endswith(tuple(_ENDS)) else '; '}{self.hint}"

    @property
    def clause(self) -> str:
        """The message and the hint, without the last full stop, so that a sentence can go on with something else."""
        return self.line.rstrip(_ENDS)

    def __str__(self) -> str:
        if not self.detail:
            return self.line
        return f"{self.line}\n{self.detail}" if self.line.endswith(":") else f"{self.line}\n\n{self.detail}"
