"""Whether an executor does anything with what it was given."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from typing import Any
from weakref import WeakKeyDictionary

_SILENT = 2.0  # seconds: between two short slices none may be running

_ACTIVITIES: WeakKeyDictionary[Any, Activity] = WeakKeyDictionary()
_LOCK = threading.Lock()


def activity_of(executor: Any) -> Activity:
    """What all jobs of this process know of ``executor``: one may wait for the slices of another."""
    with _LOCK:
        try:
            return _ACTIVITIES.setdefault(executor, Activity(executor))
        except TypeError:  # it can be no key, or not be referred to weakly
            return Activity(executor)


class Activity:
    """The futures that an executor has, and when it last showed that it is alive."""

    def __init__(self, executor: Any) -> None:
        self._tells = isinstance(executor, ThreadPoolExecutor | ProcessPoolExecutor)
        self._heard = time.monotonic()
        self._futures: list[Any] = []
        self._lock = threading.Lock()

    def given(self, future: Any) -> None:
        """It has one more."""
        with self._lock:
            if not self._futures:
                self._heard = time.monotonic()  # it had nothing to do until now
            self._futures.append(future)

    def ended(self, future: Any) -> None:
        """It has one less."""
        with self._lock:
            self._heard = time.monotonic()
            self._futures = [other for other in self._futures if other is not future]

    def is_stalled(self, patience: float) -> bool:
        """Whether it runs nothing of ours and has not ended anything for a while.

        Args:
            patience: seconds that one that does not tell what it runs is believed to be busy.
        """
        with self._lock:
            if is_running(self._futures):
                self._tells, self._heard = True, time.monotonic()
                return False
            return bool(self._futures) and time.monotonic() - self._heard > (_SILENT if self._tells else patience)


def is_running(futures: Collection[Any]) -> bool:
    """Whether one of ``futures`` is said to have begun and not ended; a stranger's may not know the word."""
    return any(callable(running := getattr(one, "running", None)) and running() for one in futures)
