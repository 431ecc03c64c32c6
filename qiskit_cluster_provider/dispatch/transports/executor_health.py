"""Whether an executor does anything with the slices that it has."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from typing import Any
from weakref import WeakKeyDictionary

from .base import Health

_SILENT = 2.0  # seconds: between two short slices none may be running

_ACTIVITIES: WeakKeyDictionary[Any, _Activity] = WeakKeyDictionary()
_LOCK = threading.Lock()


class ExecutorHealth(Health):
    """Tells a job whether its executor runs the slices that it was given.

    Args:
        executor: of the user.
    """

    def __init__(self, executor: Executor) -> None:
        self._name = type(executor).__name__
        self._activity = _activity_of(executor)
        self._patience = 0.0

    def given(self, future: Any, timeout: float) -> None:
        """Take note of one more slice, which may take ``timeout`` seconds."""
        self._patience = max(self._patience, timeout)
        self._activity.given(future)

    def ended(self, future: Any) -> None:
        """Take note that a slice has an end."""
        self._activity.ended(future)

    def trouble(self, inflight: Collection[Any], running: bool) -> str | None:
        """Whether the executor runs none of its slices. What it returns and raises tells the rest."""
        if not inflight or not self._activity.is_stalled(self._patience):
            return None
        return f"the {self._name} runs none of the {len(inflight)} slices that it has (is it busy with other work?)"


def _activity_of(executor: Any) -> _Activity:
    """What all jobs of this process know of ``executor``: one may wait for the slices of another."""
    with _LOCK:
        try:
            return _ACTIVITIES.setdefault(executor, _Activity(executor))
        except TypeError:  # the executor cannot be a key, or cannot be referred to weakly
            return _Activity(executor)


class _Activity:
    """The futures that an executor has, and when it last showed that it is alive."""

    def __init__(self, executor: Any) -> None:
        self._tells = isinstance(executor, ThreadPoolExecutor | ProcessPoolExecutor)
        self._heard = time.monotonic()
        self._futures: list[Any] = []
        self._lock = threading.Lock()

    def given(self, future: Any) -> None:
        """The executor has one more slice."""
        with self._lock:
            if not self._futures:
                self._heard = time.monotonic()  # it had nothing to do until now
            self._futures.append(future)

    def ended(self, future: Any) -> None:
        """The executor has one slice less."""
        with self._lock:
            self._heard = time.monotonic()
            self._futures = [other for other in self._futures if other is not future]

    def is_stalled(self, patience: float) -> bool:
        """Whether the executor runs no slice of this process, and has not ended one for a while.

        Args:
            patience: seconds for which an executor that does not tell what it runs is believed to be busy.
        """
        with self._lock:
            if any(map(Health().is_running, self._futures)):
                self._tells, self._heard = True, time.monotonic()
                return False
            return bool(self._futures) and time.monotonic() - self._heard > (_SILENT if self._tells else patience)
