"""``aer-local``: a Dask cluster inside this process. The simulating is done by child processes."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker
from typing import TYPE_CHECKING

from pydantic import Field

from .base import ClusterConfig, ClusterKind

if TYPE_CHECKING:
    from distributed import Client


def cpus() -> int:
    """CPUs that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def without_ctrl_c() -> Iterator[None]:
    """Let no process that is started here, or by a thread that is started here, see a Ctrl-C.

    A terminal sends SIGINT to the Dask workers too, which end by it and take their slices with them; but it is
    meant for the client, which may go on with the job. Threads and processes inherit what is blocked.
    """
    resource_tracker.ensure_running()  # multiprocessing would start it with the first worker, and unblock SIGINT
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class LocalConfig(ClusterConfig):
    """Settings of ``aer-local``.

    Attributes:
        workers: Dask workers; default: one for each CPU.
        threads_per_worker: slices that a worker runs at the same time.
        processes: run the Dask workers as processes of their own. It changes no answer, starts slower, and
            a script then needs ``if __name__ == "__main__":``.
        dashboard_address: of Dask's dashboard, as ``host:port``.
    """

    workers: int = Field(default_factory=cpus, ge=1)
    threads_per_worker: int = Field(default=1, ge=1)
    processes: bool = False
    dashboard_address: str = "127.0.0.1:0"


class LocalKind(ClusterKind):
    """A ``distributed.LocalCluster``. It listens on loopback only."""

    description = "A Dask cluster on this machine, started when it is first used"
    Config = LocalConfig

    @contextmanager
    def connect(self, config: LocalConfig) -> Iterator[Client]:
        """Start it; end it and its idle children afterwards."""
        from distributed import Client, LocalCluster

        from ..worker import end_worker
        from ..worker.children import POOL

        where = {"host": "127.0.0.1"} if config.processes else {"memory_limit": 0}
        with without_ctrl_c():
            cluster = LocalCluster(
                n_workers=config.workers,
                threads_per_worker=config.threads_per_worker,
                processes=config.processes,
                dashboard_address=config.dashboard_address,
                worker_dashboard_address="127.0.0.1:0",
                **where,
            )
        with cluster, Client(cluster, set_as_default=False) as client:
            try:
                yield client
            finally:
                client.run(end_worker, on_error="ignore")
        POOL.close_idle()
