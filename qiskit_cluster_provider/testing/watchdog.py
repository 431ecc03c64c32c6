"""Fails a job that is silent for too long, so that a hang becomes a failure with a name."""

from __future__ import annotations

import faulthandler
import sys
import threading
import time
from typing import Self

from ..dispatch import unfinished


class Watchdog:
    """While the context lasts, cancels each job of this process that has had no event for ``limit`` seconds.

    Code that waits for such a job gets a ``ClusterJobCancelledError``. The job's slices and all stacks are printed.

    Args:
        limit: The seconds without an event. They must be longer than the longest slice.
        every: The seconds between two looks.

    Attributes:
        bitten: The ids of the jobs that were cancelled.
    """

    def __init__(self, limit: float, every: float = 1.0) -> None:
        self.bitten: list[str] = []
        self._limit = limit
        self._every = every
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(self._every):
            self._look()

    def _look(self) -> None:
        for dispatch in unfinished():
            silent = time.monotonic() - dispatch.heard_at
            if silent > self._limit:
                print(f"job {dispatch.job_id} has been silent for {silent:.0f} s:", file=sys.stderr)
                print(*dispatch.infos(), sep="\n", file=sys.stderr)
                faulthandler.dump_traceback(file=sys.__stderr__ or sys.stderr)
                self.bitten.append(dispatch.job_id)
                dispatch.cancel()
