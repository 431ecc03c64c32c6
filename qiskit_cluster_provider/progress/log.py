"""What is said to ``logging``: one logger, and the same fields on every record.

No handler is added. As long as the user sets up no logging, Python itself prints warnings to stderr and nothing
else, which is what we want: quiet, but a job that waits for a cluster says so, and each new reason once.
"""

from __future__ import annotations

import logging
import re
import time
from collections import Counter
from collections.abc import Callable, MutableMapping
from typing import Any

from ..outcomes import Outcome
from .events import (
    ClusterTrouble,
    Event,
    JobFinished,
    JobStarted,
    SliceDone,
    SliceFailed,
    SliceRetried,
    SliceSplit,
    SliceStarted,
)


class _WithFields(logging.LoggerAdapter[logging.Logger]):
    """Gives every record the fields, since a format string may name them, and not all records are about a job."""

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        fields = {"job_id": "", "slice": None, "event": "", **(kwargs.get("extra") or {})}
        return msg, {**kwargs, "extra": fields}


logger = _WithFields(logging.getLogger("qiskit_cluster_provider"), {})
"""The only logger of this package. Its records have the fields ``job_id``, ``slice`` and ``event``."""

_NAMES = re.compile(r'"[^"]*"|[\w.:/-]*\d[\w.:/-]*')
"""What differs between reasons of one kind: what is quoted, and words with digits."""


class JobLog:
    """The log of one job: a listener of its events, and what its dispatch says besides."""

    def __init__(self, job_id: str, patience: float) -> None:
        """Begin the log.

        Args:
            job_id: whose.
            patience: seconds that the job waits for a cluster.
        """
        self.job_id = job_id
        self._patience = patience
        self._began = time.monotonic()
        self._troubles: set[str] = set()  # what was said of this one, without the names of pods and numbers
        self._counts: Counter[str] = Counter()
        self._ways: dict[type[Event], Callable[[Any], None]] = {
            JobStarted: self._started,
            SliceStarted: self._slice_started,
            SliceDone: self._slice_done,
            SliceRetried: self._slice_retried,
            SliceSplit: self._slice_split,
            SliceFailed: self._slice_failed,
            ClusterTrouble: self._trouble,
            JobFinished: self._finished,
        }

    def __call__(self, event: Event) -> None:
        """Say what happened."""
        way = self._ways.get(type(event))
        if way is not None:
            way(event)

    def debug(self, event: str, text: str, *args: object, slice: int | None = None, **more: Any) -> None:
        """Say what only a developer asks for; ``more`` is for :meth:`logging.Logger.log`."""
        self._log(logging.DEBUG, event, slice, text, *args, **more)

    def info(self, event: str, text: str, *args: object, slice: int | None = None, **more: Any) -> None:
        """Say what happened in the ordinary course of a job, faults and retries among it."""
        self._log(logging.INFO, event, slice, text, *args, **more)

    def warning(self, event: str, text: str, *args: object, slice: int | None = None, **more: Any) -> None:
        """Say what the user should know at once, even without any logging set up."""
        self._log(logging.WARNING, event, slice, text, *args, **more)

    def _log(self, level: int, event: str, piece: int | None, text: str, *args: object, **more: Any) -> None:
        fields = {"job_id": self.job_id, "slice": piece, "event": event}
        which = "" if piece is None else f"slice {piece} "
        logger.log(level, f"job %s: {which}{text}", self.job_id, *args, extra=fields, **more)

    def _started(self, event: JobStarted) -> None:
        self._counts["experiments"], self._counts["slices"] = event.experiments, event.slices

    def _slice_started(self, event: SliceStarted) -> None:
        self.debug("started", "was begun by %s", event.worker, slice=event.index)

    def _slice_done(self, event: SliceDone) -> None:
        self._counts["done"] += 1
        self._counts["experiments refused by Aer"] += event.failed
        failed = f", {event.failed} of them failed" if event.failed else ""
        self.debug(
            "done", "is done: %d experiments in %.3g s%s", event.experiments, event.seconds, failed, slice=event.index
        )

    def _slice_retried(self, event: SliceRetried) -> None:
        self._counts["retries"] += 1
        word = "is sent again" if event.outcome in (Outcome.CRASHED, Outcome.TIMED_OUT) else "is resubmitted"
        self.info(
            "retried" if word == "is sent again" else "resubmitted",
            "%s after try %d (%s): %s",
            word,
            event.attempt,
            event.outcome,
            event.reason,
            slice=event.index,
        )

    def _slice_split(self, event: SliceSplit) -> None:
        self._counts["splits"] += 1
        self.info("split", "is split into %d (%s): %s", event.parts, event.outcome, event.reason, slice=event.index)

    def _slice_failed(self, event: SliceFailed) -> None:
        self._counts["failed"] += 1
        if event.poison:
            self.info("poison", "is at fault with %s: %s", event.poison, event.reason, slice=event.index)
        else:
            self.info("lost", "is given up (%s): %s", event.outcome, event.reason, slice=event.index)

    def _trouble(self, event: ClusterTrouble) -> None:
        if not event.reason:
            self._troubles.clear()
            self.info("back", "the cluster is back")
            return
        kind = _NAMES.sub("", event.reason)
        if kind in self._troubles:  # of another pod, or of another number of them
            self.info("trouble", "%s", event.reason)
        else:
            self._troubles.add(kind)
            self.warning(
                "trouble", "%s. The job waits up to %g s for it (no_workers_timeout).", event.reason, self._patience
            )

    def _finished(self, event: JobFinished) -> None:
        counts = self._counts
        rest = [f"{counts[name]} {name}" for name in ("failed", "retries", "splits") if counts[name]]
        if counts["experiments refused by Aer"]:
            rest.append(f"{counts['experiments refused by Aer']} experiments refused by Aer")
        self.info(
            "finished",
            "%s after %.3g s: %d experiments, %d slices done%s",
            event.status,
            time.monotonic() - self._began,
            counts["experiments"],
            counts["done"],
            "".join(f", {one}" for one in rest),
        )
