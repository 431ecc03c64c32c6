"""Which worker gets the next slice."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping


class WorkerLoad:
    """Counts the slices of all jobs that each worker of a connection has.

    Dask sends a task to a worker that holds what the task needs, and moves it later if other workers are idle. What a
    slice needs is a few kB, which one worker happens to hold first, so that two slices of a second each would both go
    there. So each slice is meant for the worker that has the fewest. Dask may still move it.
    """

    def __init__(self) -> None:
        self._given: Counter[str] = Counter()
        self._lock = threading.Lock()

    def take(self, threads: Mapping[str, int]) -> str:
        """The worker for one more slice.

        Args:
            threads: of each worker that there is, by address.
        """
        with self._lock:
            address = min(threads, key=lambda one: (self._given[one] + 1) / max(1, threads[one]))
            self._given[address] += 1
            return address

    def give_back(self, address: str) -> None:
        """A slice for that worker is done, or will never be."""
        with self._lock:
            self._given[address] -= 1
            if not self._given[address]:
                del self._given[address]
