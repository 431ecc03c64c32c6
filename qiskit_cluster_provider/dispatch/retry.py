"""The rule for a slice that did not come back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from enum import StrEnum

from ..outcomes import Outcome

_CRASHES = 2
"""Crashes after which a slice is not tried again as it is."""
LOSSES = 30
"""Tries in a row, over all slices, that are lost with their workers before the cluster is not believed in any more.
An experiment at fault among a thousand needs about ten until it is alone and given up."""
_DISCONNECTIONS = 20  # of one slice: a cluster that loses everything for so often is no cluster


class Action(StrEnum):
    """What is done with a slice that did not come back."""

    AGAIN = "sent again"
    """It waits, to be sent as it is."""
    SPLIT = "split"
    """Smaller slices take its place, and wait."""
    POISON = "its one experiment is at fault"
    """It fails as an experiment fails that Aer refuses. The job goes on, and can be DONE."""
    GIVE_UP = "given up"
    """It fails for a reason that is not its circuits'. The job goes on, and ends with ERROR."""


def decide(outcomes: Sequence[Outcome], size: int, retries: int, suspected: bool = False) -> Action:
    """The rule for a slice whose tries ended with ``outcomes``, the newest last.

    A slice that crashes twice, or times out once, is split until the experiment at fault is alone. A slice that is
    lost with its worker twice is split too: where the kernel ends a whole container, the worker ends with the child.
    But a lost worker proves nothing, so that a single experiment is given up then, and not blamed. Nor is a slice
    blamed for which no child could be started.

    Args:
        outcomes: as in :class:`.tracker.Attempt`, with those of Dask's own tries.
        size: its experiments.
        retries: the user's.
        suspected: it is a part of a slice that was split for such a reason, so that once more is enough.
    """
    last, counts = outcomes[-1], Counter(outcomes)
    if last is Outcome.DISCONNECTED:
        return Action.AGAIN if counts[last] <= _DISCONNECTIONS else Action.GIVE_UP
    if last is Outcome.LOST and size > 1:
        return Action.SPLIT if suspected or counts[last] >= min(_CRASHES, retries + 1) else Action.AGAIN
    if last in (Outcome.LOST, Outcome.UNREADY):
        return Action.AGAIN if counts[last] <= retries else Action.GIVE_UP
    if last not in (Outcome.CRASHED, Outcome.TIMED_OUT):
        return Action.GIVE_UP
    if size > 1:
        if last is Outcome.TIMED_OUT or suspected or counts[Outcome.CRASHED] >= min(_CRASHES, retries + 1):
            return Action.SPLIT
        return Action.AGAIN
    ended = counts[Outcome.CRASHED] + counts[Outcome.TIMED_OUT]
    return Action.AGAIN if ended < min(_CRASHES, retries + 1) else Action.POISON
