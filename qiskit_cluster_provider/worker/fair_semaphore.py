"""What slices on one worker share: its threads and its memory."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from ..outcomes import Reason
from .sandbox.failures import NotEnoughThreads


class FairSemaphore:
    """A counting semaphore in which one waiter takes several permits, first come, first served.

    Attributes:
        capacity: how many there are.
    """

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self._free = capacity
        self._queue: deque[object] = deque()
        self._condition = threading.Condition()

    def grow(self, capacity: int) -> None:
        """Have at least so many."""
        with self._condition:
            more = max(0, capacity - self.capacity)
            self.capacity += more
            self._free += more
            self._condition.notify_all()

    @contextmanager
    def reserve(self, wanted: int) -> Iterator[int]:
        """Hold ``wanted`` permits, but no more than there are; yields how many."""
        count = min(wanted, self.capacity)
        ticket = object()
        with self._condition:
            self._queue.append(ticket)
            self._condition.wait_for(lambda: self._queue[0] is ticket and self._free >= count)
            self._queue.popleft()
            self._free -= count
            self._condition.notify_all()
        try:
            yield count
        finally:
            with self._condition:
                self._free += count
                self._condition.notify_all()


class Threads(FairSemaphore):
    """Threads of a worker, so that ``max_parallel_threads=k`` does not oversubscribe."""

    @contextmanager
    def reserve(self, wanted: int) -> Iterator[int]:
        """Hold ``wanted`` threads (0: all of them, Aer's meaning); yields how many.

        Raises:
            NotEnoughThreads: the worker does not have so many.
        """
        if wanted > self.capacity:
            raise NotEnoughThreads(
                Reason(
                    f"max_parallel_threads={wanted}, but this worker has {self.capacity} threads",
                    hint=f"start workers with threads_per_worker={wanted}.",
                )
            )
        with super().reserve(wanted or self.capacity) as count:
            yield count
