"""Tables that hold what they are to show, however narrow the terminal is."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import RenderableType

_ANY = 10**5  # characters, more than a table has


def show(*things: RenderableType, wraps: Collection[str] = ()) -> None:
    """Print tables and texts, one below the other.

    No cell of a table is cut or broken: a terminal that is too narrow breaks the line, and what is copied from it, or
    read from a pipe, is whole.

    Args:
        things: to print.
        wraps: headers of columns in which words may wrap.
    """
    from rich.console import Console
    from rich.measure import Measurement
    from rich.table import Table

    console = Console(highlight=False)
    wide = console.options.update(width=_ANY)
    tables = [thing for thing in things if isinstance(thing, Table)]
    for column in (column for table in tables for column in table.columns):
        if str(column.header) not in wraps:
            cells = (column.header, *column.cells)
            column.no_wrap = True
            column.min_width = max(Measurement.get(console, wide, cell).maximum for cell in cells)
    needed = max((table.__rich_measure__(console, wide).minimum for table in tables), default=0)
    if needed > console.width:
        console = Console(highlight=False, width=needed)
    console.print(*things, sep="\n")
