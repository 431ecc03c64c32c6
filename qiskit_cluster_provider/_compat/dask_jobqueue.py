"""What dask-jobqueue keeps to itself, and what it does while it is imported."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from .private import Attribute, Symbol

TRIED = ("0.9",)
_RUNNER = "dask_jobqueue.runner"

CLUSTER = Attribute(
    "dask-jobqueue",
    "Job._cluster",
    reason="to submit again a job that was refused",
    tried=TRIED,
    without="A refused job is submitted again when the cluster is scaled.",
)
_file = partial(
    Attribute,
    "dask-jobqueue",
    tried=TRIED,
    reason="to delete the files of its certificate when a cluster closes",
    without="They are deleted when the cluster object goes.",
)
FILES = (_file("JobQueueCluster._job_ca_file"), _file("JobQueueCluster._job_cert"), _file("JobQueueCluster._job_key"))

CLOSE = Symbol(
    "dask-jobqueue",
    "dask_jobqueue.core:JobQueueCluster._close",
    reason="to delete the files of its certificate when a cluster closes",
    tried=TRIED,
    without="They are deleted when the cluster object goes.",
)


@contextmanager
def ctrl_c_kept() -> Iterator[None]:
    """Import dask-jobqueue under this, so that Ctrl-C stays as it is.

    dask-jobqueue 0.9.0 takes SIGINT for itself while it is imported, for what is not used here, and raises outside
    the main thread. See its issues 667 and 696, whose fixes are not released. Any other handler that is set
    meanwhile, in whatever thread, is set.
    """
    set_handler = signal.signal

    def kept(number: Any, handler: Any) -> Any:
        if getattr(handler, "__module__", "") == _RUNNER:
            return signal.getsignal(number)
        return set_handler(number, handler)

    vars(signal)["signal"] = kept
    try:
        yield
    finally:
        vars(signal)["signal"] = set_handler
