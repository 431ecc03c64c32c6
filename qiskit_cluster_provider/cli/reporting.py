"""Errors as a user of the command line reads them: one line each, and an exit code."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import typer


@contextmanager
def reported() -> Iterator[None]:
    """Print errors as one line: 2 for bad input, 1 for what went wrong afterwards. Bugs keep their traceback."""
    from qiskit.exceptions import QiskitError

    from ..errors import ClusterConnectionError, ClusterError, ClusterJobError

    logger = logging.getLogger("qiskit_cluster_provider")
    level = logger.level
    logger.setLevel(logging.ERROR)  # its warnings are what the commands print
    try:
        with warnings.catch_warnings():
            warnings.showwarning = lambda message, *_, **__: say(str(message), "Warning")
            yield
    except ClusterError as error:
        say(str(error))
        raise typer.Exit(1 if isinstance(error, ClusterJobError | ClusterConnectionError) else 2) from error
    except QiskitError as error:
        say(error.message)  # its text is a repr
        raise typer.Exit(2) from error
    except OSError as error:
        say(f"{error.filename}: {error.strerror}" if error.filename is not None else str(error))
        raise typer.Exit(2) from error
    finally:
        logger.setLevel(level)


def say(message: str, kind: str = "Error") -> None:
    """One line on stderr."""
    from rich.console import Console
    from rich.text import Text

    from .files.reading import printable

    line = printable(" ".join(message.split()))
    Console(stderr=True).print(Text(f"{kind}: {line}", "red" if kind == "Error" else "yellow"), soft_wrap=True)
