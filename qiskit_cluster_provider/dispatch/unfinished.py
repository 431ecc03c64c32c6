"""The jobs of this process that have begun and not ended, and what becomes of them when Python ends."""

from __future__ import annotations

import os
from functools import cache

from ..clusters.lifecycle import at_exit
from ..progress.log import logger
from .monitor import JobMonitor

_UNFINISHED: set[JobMonitor] = set()


def begun(job: JobMonitor) -> None:
    """Say that ``job`` begins."""
    at_exit(_cancel_all, first=True)
    _leave_to_parent()
    _UNFINISHED.add(job)


def ended(job: JobMonitor) -> None:
    """Say that ``job`` has ended, or cannot begin."""
    _UNFINISHED.discard(job)


def unfinished() -> list[JobMonitor]:
    """The jobs of this process that have begun and not ended."""
    return list(_UNFINISHED)


def _cancel_all() -> None:
    """When Python ends: a job that nobody waited for is lost, which its user should be told."""
    jobs = unfinished()
    for job in jobs:
        job.cancel()
    if jobs:
        logger.warning(
            "Python ended with %d unfinished job(s), now cancelled; wait for result() to keep them.", len(jobs)
        )


@cache
def _leave_to_parent() -> None:
    """The first job of a process sees to it that its forks take no job of it for theirs."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_UNFINISHED.clear)
