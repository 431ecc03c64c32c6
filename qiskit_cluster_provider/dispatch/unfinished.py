"""The jobs of this process that have begun and not ended, and what becomes of them when Python ends."""

from __future__ import annotations

import os

from ..clusters.lifecycle.closing import at_exit
from ..progress.log import logger
from .state import JobState

UNFINISHED: set[JobState] = set()


def unfinished() -> list[JobState]:
    """The jobs of this process that have begun and not ended."""
    return list(UNFINISHED)


def _cancel_all() -> None:
    """When Python ends: a job that nobody waited for is lost, which its user should be told."""
    jobs = unfinished()
    for job in jobs:
        job.cancel()
    if jobs:
        logger.warning(
            "Python ended with %d unfinished job(s), now cancelled; wait for result() to keep them.", len(jobs)
        )


at_exit(_cancel_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=UNFINISHED.clear)  # they are the parent's
