"""``aer-local``: a Dask cluster inside this process. Child processes simulate."""

from __future__ import annotations

import importlib.util
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from ipaddress import ip_address
from multiprocessing import resource_tracker
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from .._compat.python import imports_main
from ..errors import ClusterConnectionError, MissingExtraError
from ..worker.sandbox import processes
from ..worker.sandbox.failures import NotStarted
from ..worker.sandbox.memory import memory_limit
from ..worker.sandbox.pool import POOL
from .base import ClusterConfig, ClusterKind
from .doctor.findings import Finding

if TYPE_CHECKING:
    from distributed import Client


def cpus() -> int:
    """The number of CPUs that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def without_ctrl_c() -> Iterator[None]:
    """Keep a Ctrl-C from the processes that are started here, and from those that threads started here will start.

    A terminal sends SIGINT to the Dask workers too, which would end and lose their slices. But the Ctrl-C is meant
    for the client, which may go on with the job. Threads and processes inherit which signals are blocked.
    """
    resource_tracker.ensure_running()  # multiprocessing would start it with the first worker, and unblock SIGINT
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


_GUARD = "if __name__ == '__main__':"


class LocalConfig(ClusterConfig):
    """Settings of ``aer-local``.

    Attributes:
        workers: The number of Dask workers; default: one for each CPU that the process may use.
        threads_per_worker: The number of slices that a worker runs at the same time.
        processes: Whether each Dask worker is a process of its own. This changes no answer and starts more slowly,
            and a script then needs ``if __name__ == "__main__":``.
        dashboard_address: The address of Dask's dashboard, as ``host:port`` or ``:port``. The host must be a loopback
            address; port 0 is any free port.
        security: Whether to encrypt with TLS, so that no other user of this machine can connect. The certificate is
            made when the cluster starts, and is never written to a file that outlives it. This needs the extra
            ``tls``.
    """

    workers: int = Field(default_factory=cpus, ge=1)
    threads_per_worker: int = Field(default=1, ge=1)
    processes: bool = False
    dashboard_address: str = "127.0.0.1:0"
    security: bool = False

    @field_validator("dashboard_address")
    @classmethod
    def _on_loopback(cls, address: str) -> str:
        try:
            parts = urlsplit(f"//{address}")
            host, port = parts.hostname or "127.0.0.1", parts.port
            loopback = host == "localhost" or ip_address(host).is_loopback
        except ValueError as error:
            raise ValueError(f"{address!r} is not host:port; give for example '127.0.0.1:8787'") from error
        if not loopback:
            raise ValueError(
                f"{address!r} could be reached from other machines, and has no password; give '127.0.0.1:8787', and "
                "look at it through an SSH tunnel (ssh -L 8787:127.0.0.1:8787 HOST)"
            )
        return f"[{host}]:{port or 0}" if ":" in host else f"{host}:{port or 0}"


def _check_main_module() -> None:
    """Refuse a main module that :mod:`multiprocessing` cannot import, which it does in each process that it starts.

    Raises:
        ClusterConnectionError: The message says what to do instead.
    """
    import dask

    if dask.config.get("distributed.worker.multiprocessing-method", "spawn") == "fork":
        return
    if imports_main():
        raise ClusterConnectionError(
            "a process of a worker has run this program:", hint=f"its work must be below {_GUARD}."
        )
    if (path := processes.unreadable_main()) is not None:
        raise ClusterConnectionError(
            "processes=True starts processes that import the main module, and "
            f"{path} is not a file that they can read.",
            hint="Save the program in a file, or leave out processes=True.",
        )


@contextmanager
def _unprofiled() -> Iterator[None]:
    """Keep the workers that are made meanwhile from profiling: Dask's look at all threads a hundred times a second.

    These workers are threads of this process that only wait for their children. And Python 3.11 can hang in that look
    for ever: it holds a lock that the start of a thread waits for, and may collect garbage while it does (CPython's
    issue 106883).
    """
    import dask

    with dask.config.set({"distributed.worker.profile.enabled": False}):
        yield


class LocalKind(ClusterKind):
    """A ``distributed.LocalCluster``, which listens on loopback only."""

    description = "A Dask cluster on this machine, started when it is first used"
    Config = LocalConfig
    near = True

    def prepare(self, config: LocalConfig, threads: int) -> None:
        """Start the process that forks children, if the workers will be in this one. Its imports take their time."""
        if not config.processes:
            with suppress(NotStarted):  # the first slice says why
                POOL.begin(threads or config.threads_per_worker)

    @contextmanager
    def connect(self, config: LocalConfig) -> Iterator[Client]:
        """Start the cluster. Leaving the context ends it, with its idle children."""
        try:
            with self._started(config) as client:
                yield client
        finally:
            POOL.close_idle()

    @contextmanager
    def _started(self, config: LocalConfig) -> Iterator[Client]:
        from distributed import Client, LocalCluster

        from ..worker import end_worker

        try:
            processes.python()
        except (processes.NoPython, OSError) as error:
            raise ClusterConnectionError(f"aer-local cannot be started: {error}.") from error
        if config.security and importlib.util.find_spec("cryptography") is None:
            raise MissingExtraError(
                "security=True needs cryptography", hint="install it: pip install 'qiskit-cluster-provider[tls]'"
            )
        where: dict[str, Any] = {} if config.processes else {"memory_limit": 0}
        if config.processes or config.security:
            where["host"] = "127.0.0.1"  # else all is in this process, and nothing but the dashboard listens
        if config.processes:
            _check_main_module()
        try:
            with processes.safe_path(), without_ctrl_c(), _unprofiled():
                cluster = LocalCluster(
                    n_workers=config.workers,
                    threads_per_worker=config.threads_per_worker,
                    processes=config.processes,
                    dashboard_address=config.dashboard_address,
                    worker_dashboard_address="127.0.0.1:0",
                    security=config.security or None,
                    **where,
                )
        except RuntimeError as error:
            if not config.processes:
                raise
            raise ClusterConnectionError(
                f"the processes of the workers ended before they were ready ({error}).",
                hint=(
                    f"Each imports your program, whose work must be below {_GUARD}. If it is, see what they "
                    "wrote to stderr, or leave out processes=True."
                ),
            ) from error
        with cluster, Client(cluster, set_as_default=False) as client:
            try:
                yield client
            finally:
                client.run(end_worker, on_error="ignore")

    def scale(self, client: Any, config: LocalConfig, workers: int, timeout: float | None) -> None:
        """Change the number of workers. New workers are like the first ones."""
        with _unprofiled():
            super().scale(client, config, workers, timeout)

    def size(self, config: LocalConfig) -> tuple[int, int]:
        """The workers and the threads of each, by the settings."""
        return config.workers, config.threads_per_worker

    def dashboard_link(self, client: Any, config: LocalConfig) -> str:
        """The address on loopback. Dask would name this machine's outer address, on which nothing listens."""
        link = str(client.dashboard_link)
        host = config.dashboard_address.rpartition(":")[0]
        return link.replace(f"//{urlsplit(link).hostname}:", f"//{host}:")

    def findings(self, config: LocalConfig) -> Iterator[Finding]:
        """Whether this machine has what the cluster needs."""
        there, asked = cpus(), config.workers * config.threads_per_worker
        said = f"{there} CPUs and {memory_limit() / 2**30:.1f} GiB here for {asked} slices at the same time"
        if asked > there:
            yield Finding("this machine", said, None, f"More slices than CPUs are no faster: workers={there}")
        else:
            yield Finding("this machine", said)
        if config.security and importlib.util.find_spec("cryptography") is None:
            yield Finding("security", "TLS needs cryptography", False, "pip install 'qiskit-cluster-provider[tls]'")
