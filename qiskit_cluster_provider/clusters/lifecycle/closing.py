"""Closing in order, and without a word: what Dask says while it is taken down is not the user's business."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from ..._compat import python

_UNREACHED = "Failed to sync cluster info"


@contextmanager
def quiet() -> Iterator[None]:
    """Silence the loggers of Dask and of its event loop."""
    names = [name for name in logging.root.manager.loggerDict if name.split(".")[0] == "distributed"]
    loggers = [logging.getLogger(name) for name in (*names, "tornado.application")]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)


@contextmanager
def without_traces() -> Iterator[None]:
    """Keep from a user what Dask's cluster object says, in thirty lines, of a scheduler that it cannot reach.

    The job that waits for it says so in one.
    """
    said = logging.getLogger("distributed.deploy.cluster")

    def wanted(record: logging.LogRecord) -> bool:
        return not (record.exc_info and record.getMessage().startswith(_UNREACHED))

    said.addFilter(wanted)
    try:
        yield
    finally:
        said.removeFilter(wanted)


def at_exit(function: Callable[[], None], *, first: bool = False) -> None:
    """Call ``function`` when Python ends, while threads can still be used; once, however often it is asked for.

    Args:
        function: what to call.
        first: whether it comes before those that close clusters.
    """
    if not _ENDS:
        python.at_exit(_end)
    if function not in _ENDS:
        _ENDS.insert(0 if first else len(_ENDS), function)


_ENDS: list[Callable[[], None]] = []
"""What is called when Python ends, in this order."""


def _end() -> None:
    with ExitStack() as stack:  # which calls all, whatever goes wrong in one, the last one first
        for function in reversed(_ENDS):
            stack.callback(function)
