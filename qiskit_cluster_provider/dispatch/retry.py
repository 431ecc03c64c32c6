"""The rule for a slice that did not come back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from enum import Enum

DEATHS = 2
"""Deaths of its child after which a slice is not tried again as it is."""
LOSSES = 30
"""Tries in a row, over all slices, that are lost with their workers before the cluster is not believed in any more.
A culprit among a thousand experiments needs about ten until it is alone and given up."""
_DISCONNECTIONS = 20  # of one slice: a cluster that loses everything for so often is no cluster


class Fate(Enum):
    """What is done with a slice that did not come back."""

    AGAIN = "sent again"
    SPLIT = "split"
    CULPRIT = "its one experiment is at fault"
    LOST = "given up"


def fate(outcomes: Sequence[str], size: int, retries: int, suspected: bool = False) -> Fate:
    """The rule for a slice whose tries ended with ``outcomes``, the newest last.

    What kills or outlasts its child twice is split until the culprit is alone. So is what was lost with its worker
    twice: where the kernel ends a whole container, the worker dies with the child. But a lost worker proves nothing,
    so that a single experiment is given up then, and not blamed. Nor is what found no child that could be started.

    Args:
        outcomes: as in :class:`.tracker.Attempt`, with those of Dask's own tries.
        size: its experiments.
        retries: the user's.
        suspected: it is a part of a slice that was split for such a reason, so that once more is enough.
    """
    last, counts = outcomes[-1], Counter(outcomes)
    if last == "disconnected":
        return Fate.AGAIN if counts[last] <= _DISCONNECTIONS else Fate.LOST
    if last == "lost" and size > 1:
        return Fate.SPLIT if suspected or counts[last] >= min(DEATHS, retries + 1) else Fate.AGAIN
    if last in ("lost", "unready"):
        return Fate.AGAIN if counts[last] <= retries else Fate.LOST
    if last not in ("died", "overran"):
        return Fate.LOST
    if size > 1:
        if last == "overran" or suspected or counts["died"] >= min(DEATHS, retries + 1):
            return Fate.SPLIT
        return Fate.AGAIN
    return Fate.AGAIN if counts["died"] + counts["overran"] < min(DEATHS, retries + 1) else Fate.CULPRIT
