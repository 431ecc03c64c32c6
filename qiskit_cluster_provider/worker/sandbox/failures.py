"""Why a slice has no result, as errors: one class for each outcome that a worker answers with."""

from __future__ import annotations

from typing import ClassVar

from ...outcomes import Outcome, Reason
from .exit_status import shortage


class SliceFailure(RuntimeError):
    """A slice has no result.

    Attributes:
        outcome: What the worker answers.
        reason: Why.
    """

    outcome: ClassVar[Outcome]

    def __init__(self, reason: Reason) -> None:
        super().__init__(str(reason))
        self.reason = reason


class SliceError(SliceFailure):
    """The slice raised an error in its child."""

    outcome = Outcome.ERROR


class SliceCrashed(SliceFailure):
    """The child process ended while it ran the slice."""

    outcome = Outcome.CRASHED


class SliceTimedOut(SliceFailure):
    """The slice took longer than it may, and its child was ended."""

    outcome = Outcome.TIMED_OUT


class SliceCancelled(SliceFailure):
    """The slice was ended because its job was cancelled, or because its worker is closing."""

    outcome = Outcome.CANCELLED

    def __init__(self) -> None:
        super().__init__(Reason("its job was cancelled, or its worker is closing"))


class NotEnoughThreads(SliceFailure):
    """The slice takes more threads than the worker has."""

    outcome = Outcome.TOO_SMALL


class NotStarted(SliceFailure):
    """A child could not be started, or ended before it was ready: that is the machine's fault, and no circuit's.

    Attributes:
        scarce: The machine has not enough of something, so that a start may be possible later.
        final: Another try cannot help.
    """

    outcome = Outcome.UNREADY

    def __init__(self, reason: Reason, *, scarce: bool = False, final: bool = False) -> None:
        super().__init__(reason.within("a simulating process cannot be started: "))
        self.scarce = scarce
        self.final = final

    @classmethod
    def because(cls, error: Exception) -> NotStarted:
        """The failure that follows from what the start of a process raised."""
        hint = shortage(error)
        final = not hint and not isinstance(error, OSError)
        return cls(Reason(str(error), hint), scarce=bool(hint), final=final)
