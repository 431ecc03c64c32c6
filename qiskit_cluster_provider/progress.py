"""What happens to a job, as frozen data. A progress bar, a log or a test is a listener of these."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Event:
    """Base of all events. ``job_id`` says whose."""

    job_id: str


@dataclass(frozen=True)
class JobStarted(Event):
    """The plan is complete and the first slice is about to be submitted."""

    slices: int
    experiments: int


@dataclass(frozen=True)
class SliceStarted(Event):
    """A worker has begun slice ``index``; seen again if the slice had to be run again."""

    index: int
    worker: str


@dataclass(frozen=True)
class SliceDone(Event):
    """Slice ``index`` came back: ``experiments`` of them, ``failed`` by their own fault."""

    index: int
    experiments: int
    failed: int
    seconds: float


@dataclass(frozen=True)
class SliceRetried(Event):
    """Slice ``index`` was lost for ``reason`` and is sent again, for the ``attempt``-th time."""

    index: int
    attempt: int
    reason: str


@dataclass(frozen=True)
class SliceFailed(Event):
    """Slice ``index`` was given up."""

    index: int
    reason: str


@dataclass(frozen=True)
class JobFinished(Event):
    """The job has ended; ``status`` is the name of its final ``JobStatus``."""

    status: str


Listener = Callable[[Event], None]


@dataclass(frozen=True)
class Progress:
    """How far a job is, counted in slices and in experiments.

    ``experiments_failed`` counts experiments that have an error, a part of ``experiments_done`` if
    Aer reported it. ``seconds_left`` is ``None`` until a first slice has finished, and 0 at the end.
    """

    slices_done: int
    slices_failed: int
    slices_total: int
    experiments_done: int
    experiments_failed: int
    experiments_total: int
    seconds: float
    seconds_left: float | None

    def __str__(self) -> str:
        left = f", about {self.seconds_left:.0f} s left" if self.seconds_left else ""
        failed = f", {self.experiments_failed} failed" if self.experiments_failed else ""
        return (
            f"{self.experiments_done} of {self.experiments_total} experiments in {self.slices_done} of "
            f"{self.slices_total} slices{failed}{left}"
        )


class ProgressBar:
    """A listener that draws a bar of experiments, in a terminal or (rich knows both) in a notebook."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._task: Any = None
        self._failed = 0

    def __call__(self, event: Event) -> None:
        """Draw what ``event`` changes."""
        if isinstance(event, JobStarted):
            self._start(event)
        elif self._bar is None:
            return
        elif isinstance(event, SliceDone):
            self._failed += event.failed
            self._bar.update(self._task, advance=event.experiments, failed=self._text())
        elif isinstance(event, JobFinished):
            self._bar.update(self._task, refresh=True)
            self._bar.stop()
            self._bar = None

    def _text(self) -> str:
        return f"{self._failed} failed" if self._failed else ""

    def _start(self, event: JobStarted) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as RichProgress

        self._bar = RichProgress(
            TextColumn("experiments"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(elapsed_when_finished=True),
            TextColumn("[red]{task.fields[failed]}"),
            console=Console(stderr=True),  # the output of a program is its own
        )
        self._bar.start()
        self._task = self._bar.add_task("experiments", total=event.experiments, failed="")
