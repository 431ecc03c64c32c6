"""Which worker gets the next slice."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from heapq import heapify, heappop, heappush

_STALE = 4  # times the workers: older places in the heap that are worth being removed


class WorkerLoad:
    """Counts the slices of all jobs that each worker of a connection has.

    Dask sends a task to a worker that holds what the task needs, and moves it later if other workers are idle. What a
    slice needs is a few kB, which one worker happens to hold first, so that two slices of a second each would both go
    there. So each slice is meant for the worker that has the fewest. Dask may still move it.

    The workers stand in a heap, since there may be thousands. What a worker has changes often, and its older places
    in the heap stay there until they come up.
    """

    def __init__(self) -> None:
        self._given: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._threads: Mapping[str, int] = {}
        self._order: dict[str, int] = {}
        self._heap: list[tuple[float, int, str]] = []

    def take(self, threads: Mapping[str, int]) -> str:
        """The worker for one more slice.

        Args:
            threads: of each worker that there is, by address.
        """
        with self._lock:
            if threads is not self._threads or len(self._heap) > _STALE * len(threads):
                self._threads, self._order = threads, {one: place for place, one in enumerate(threads)}
                self._heap = [self._place(one) for one in threads]
                heapify(self._heap)
            while self._heap[0] != self._place(self._heap[0][2]):
                heappop(self._heap)
            address = self._heap[0][2]
            self._given[address] += 1
            heappush(self._heap, self._place(address))
            return address

    def give_back(self, address: str) -> None:
        """A slice for that worker is done, or will never be."""
        with self._lock:
            self._given[address] -= 1
            if not self._given[address]:
                del self._given[address]
            if address in self._order:
                heappush(self._heap, self._place(address))

    def _place(self, address: str) -> tuple[float, int, str]:
        """Of a worker in the heap: the slices for each of its threads, with one more; of equals the first."""
        return (self._given[address] + 1) / max(1, self._threads[address]), self._order[address], address
