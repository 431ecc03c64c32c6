"""The progress bar: a listener of events, drawn in a terminal or in a notebook."""

from __future__ import annotations

import sys
from typing import Any, Protocol

from .events import Event, JobFinished, JobStarted, SliceDone


class View(Protocol):
    """Where a bar is drawn."""

    def show(self, done: int, failed: int) -> None:
        """So many experiments are done, and so many of them failed."""

    def end(self) -> None:
        """Nothing more comes."""


class ProgressBar:
    """Draws how many experiments are done. For ``job.add_callback``, or by ``run(..., progress=True)``."""

    def __init__(self) -> None:
        self._view: View | None = None
        self._done = 0
        self._failed = 0

    def __call__(self, event: Event) -> None:
        """Draw what ``event`` changes."""
        if isinstance(event, JobStarted):
            self._view = (NotebookView if in_notebook() else TerminalView)(event.experiments)
        elif self._view is None:
            return
        elif isinstance(event, SliceDone):
            self._done += event.experiments
            self._failed += event.failed
            self._view.show(self._done, self._failed)
        elif isinstance(event, JobFinished):
            self._view.end()
            self._view = None


class TerminalView:
    """A bar of rich, on stderr: the output of a program is its own."""

    def __init__(self, total: int) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        self._bar = Progress(
            TextColumn("experiments"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(elapsed_when_finished=True),
            TextColumn("[red]{task.fields[failed]}"),
            console=Console(stderr=True),
        )
        self._bar.start()
        self._task = self._bar.add_task("experiments", total=total, failed="")

    def show(self, done: int, failed: int) -> None:
        """Move the bar."""
        self._bar.update(self._task, completed=done, failed=f"{failed} failed" if failed else "")

    def end(self) -> None:
        """Leave the bar as it is."""
        self._bar.refresh()
        self._bar.stop()


class NotebookView:
    """An HTML bar under the cell, which needs nothing but IPython."""

    def __init__(self, total: int) -> None:
        from IPython.display import HTML, display

        self._html = HTML
        self._total = total
        self._handle: Any = display(self._page(0, 0), display_id=True)

    def show(self, done: int, failed: int) -> None:
        """Draw it anew in its place."""
        self._handle.update(self._page(done, failed))

    def end(self) -> None:
        """It is complete."""

    def _page(self, done: int, failed: int) -> Any:
        told = f", <b>{failed} failed</b>" if failed else ""
        return self._html(
            f"<progress max='{self._total}' value='{done}'></progress> {done}/{self._total} experiments{told}"
        )


def in_notebook() -> bool:
    """Whether this process is the kernel of a notebook."""
    ipython = sys.modules.get("IPython")  # a kernel has it
    shell = ipython.get_ipython() if ipython is not None else None
    return getattr(shell, "kernel", None) is not None
