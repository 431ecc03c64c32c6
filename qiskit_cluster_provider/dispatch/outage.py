"""Whether a job waits for a cluster that is not there, and for how long."""

from __future__ import annotations

import time
from collections.abc import Iterator

from ..errors import ClusterConnectionError

_LOOK_AGAIN = 1.0  # seconds


class Outage:
    """Remembers since when no slice could run.

    Attributes:
        patience: seconds after which a job gives up.
    """

    def __init__(self, patience: float) -> None:
        self.patience = patience
        self._looked = 0.0
        self._reason: str | None = None
        self._since = 0.0
        self._over: list[tuple[float, float, str]] = []

    def due(self) -> bool:
        """Whether to look at the cluster again; true once a second."""
        now = time.monotonic()
        if now - self._looked < _LOOK_AGAIN:
            return False
        self._looked = now
        return True

    def hurry(self) -> None:
        """Something is new: look before anything else."""
        self._looked = 0.0

    def update(self, reason: str | None) -> Iterator[str]:
        """Take note of what the cluster lacks, or that it lacks nothing. Yields what is new: a reason, or ``""``.

        Raises:
            ClusterConnectionError: it has lacked something for too long.
        """
        now = time.monotonic()
        if reason is None:
            if self._reason is not None:
                self._over.append((self._since, now, self._reason))
                self._reason = None
                yield ""
            return
        if self._reason is None:
            self._since = now
        if reason != self._reason:
            self._reason = reason
            yield reason
        if now - self._since >= self.patience:
            raise ClusterConnectionError(
                f"{reason}; waited {now - self._since:.0f} s for it (no_workers_timeout={self.patience:g}).",
                hint="job.partial_result() has what was finished.",
            )

    def troubles(self, start: float) -> list[tuple[float, float, str]]:
        """``(begin, end, reason)`` of each trouble, in seconds since ``start`` on the monotonic clock."""
        found = list(self._over)
        if self._reason is not None:
            found.append((self._since, time.monotonic(), self._reason))
        return [(begin - start, end - start, reason) for begin, end, reason in found]
