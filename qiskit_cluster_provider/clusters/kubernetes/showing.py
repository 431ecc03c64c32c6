"""A line that tells how far a start is: in a terminal, in a notebook, else in the log."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ...progress.bar import in_notebook
from ...progress.log import logger

Show = Callable[[str], object]


@contextmanager
def showing(quiet: bool) -> Iterator[Show]:
    """Gives a function that replaces the line. Every new one is in the log too."""
    from rich.console import Console

    said = ""

    def note(line: str) -> bool:
        nonlocal said
        new, said = line != said, line
        if new:
            logger.info("%s", line)
        return new

    console = Console(stderr=True)
    if in_notebook() and not quiet:
        from IPython.display import HTML, display

        handle: Any = display(HTML(""), display_id=True)

        def write(line: str) -> None:
            if note(line):
                handle.update(HTML(f"<small>{html.escape(line)}</small>"))

        yield write
    elif console.is_terminal and not quiet:
        with console.status("") as status:

            def update(line: str) -> None:
                if note(line):
                    status.update(line)

            yield update
    else:
        yield note
