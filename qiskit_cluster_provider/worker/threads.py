"""Threads of a worker that a slice reserves, so that ``max_parallel_threads=k`` does not oversubscribe."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager


class NotEnoughThreads(RuntimeError):
    """A slice wants more threads than the worker has."""


class Threads:
    """A counting semaphore in which one waiter takes several permits, first come, first served."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._free = capacity
        self._queue: deque[object] = deque()
        self._condition = threading.Condition()

    @contextmanager
    def reserve(self, wanted: int) -> Iterator[int]:
        """Hold ``wanted`` threads (0: all of them, Aer's meaning); yields how many.

        Raises:
            NotEnoughThreads: the worker does not have so many.
        """
        if wanted > self._capacity:
            raise NotEnoughThreads(
                f"max_parallel_threads={wanted}, but this worker has {self._capacity} threads; start workers with "
                f"threads_per_worker={wanted}."
            )
        count = wanted or self._capacity
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
