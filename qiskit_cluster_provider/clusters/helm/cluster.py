"""A release as a Dask cluster object: how it is scaled, its logs, and its widget."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

from distributed import Client
from distributed.core import Status, rpc
from distributed.deploy import Cluster
from distributed.objects import SchedulerInfo
from distributed.utils import Log, Logs, format_dashboard_link

from ..._compat.dask import (
    CLUSTER_CLOSE,
    CLUSTER_START,
    CLUSTER_WATCH,
    LOOP_RUNNER,
    WATCH_COMM,
    WATCH_TASK,
    stop_loop,
)
from ..._compat.private import overriding
from ...errors import ClusterApiError, ClusterConfigError
from ..kubernetes.api import connected
from ..kubernetes.connected_cluster import ConnectedCluster
from ..kubernetes.forward import Way
from ..kubernetes.pods import component
from .release import RIGHTS_FILE, Release

_LINES = 10_000  # of a log
_TRY_AGAIN = 1.0  # seconds
_ENDING = (Status.closing, Status.closed)


@overriding(CLUSTER_START, CLUSTER_CLOSE, CLUSTER_WATCH, LOOP_RUNNER, WATCH_COMM, WATCH_TASK)
class HelmCluster(ConnectedCluster, Cluster):
    """A release whose scheduler answers. Closing it ends connections, and changes nothing in Kubernetes.

    Args:
        release: The release.
        way: The way to its Service.
        address: The address of its scheduler from here, without the protocol.

    Attributes:
        release: The release. Its login may have ended; :meth:`deployed` has a new one.
        clients: The clients that are connected through it.
        pods_shown_by: The command that shows its pods.
    """

    def __init__(self, release: Release, way: Way, address: str) -> None:
        self.release = release
        self.clients: list[Client] = []
        self.pods_shown_by = release.pods_shown_by
        self._address = f"tcp://{address}"
        self._dashboard = way.to(*release.dashboard) if release.dashboard else None
        super().__init__(name=release.name, quiet=True)
        LOOP_RUNNER.needed_of(self).start()
        try:
            self.sync(self._start)
        except BaseException:
            self.close()
            raise

    @property
    def dashboard_link(self) -> str:
        """The address for a browser on this machine; empty if the Service has no port for the dashboard."""
        return str(format_dashboard_link(*self._dashboard)) if self._dashboard else ""

    @contextmanager
    def deployed(self) -> Iterator[Release]:
        """The release, with a login that ends with the context."""
        with connected(RIGHTS_FILE) as api:
            yield self.release.through(api)

    @property
    def asked_by(self) -> str:
        """How to ask for workers."""
        return "scale(n) asks for some"

    def scale(self, n: int) -> None:
        """Ask Kubernetes for ``n`` workers. :meth:`ClusterBackend.scale` waits for them, too.

        Raises:
            ClusterConfigError: The release cannot have so few workers.
            ClusterApiError: Kubernetes refuses.
        """
        with self.deployed() as release:
            release.ask_for(n)

    def adapt(self, *args: Any, **options: Any) -> NoReturn:
        """Refuse: nothing in a release changes the number of workers with the load.

        Raises:
            ClusterConfigError: Always.
        """
        raise ClusterConfigError(
            "a release of the chart dask has nothing that changes the number of workers with the load",
            hint="use scale(n), or aer-k8s with workers=(min, max).",
        )

    def get_logs(self, cluster: bool = True, scheduler: bool = True, workers: bool | Collection[str] = True) -> Logs:
        """What the pods have written, by their names.

        Args:
            cluster: Has no effect; other Dask clusters have logs of their own.
            scheduler: Whether to return the log of the scheduler.
            workers: Whether to return the logs of the workers; or the names of some pods.

        Raises:
            ClusterApiError: Kubernetes refuses to list the pods.
        """
        logs = Logs()
        with self.deployed() as release:
            for pod in release.pods():
                name = pod["metadata"]["name"]
                wanted = scheduler if component(pod) == "scheduler" else workers
                if wanted is True or (not isinstance(wanted, bool) and name in wanted):
                    container = pod["spec"]["containers"][0]["name"]
                    try:
                        logs[name] = Log(release.api.log(release.namespace, name, container, False, _LINES))
                    except ClusterApiError as error:  # one has not started yet; the others tell
                        logs[name] = Log(str(error))
        return logs

    def close(self, timeout: float | None = None) -> None:
        """End the connections."""
        super().close(timeout)
        stop_loop(self)

    async def _start(self) -> None:
        self.scheduler_comm = rpc(self._address)
        await super()._start()

    async def _watch_worker_status(self, comm: Any) -> None:
        """Keep the list of workers, from the next scheduler too if one goes."""
        while True:
            await super()._watch_worker_status(comm)
            while self.status not in _ENDING and (comm := await self._subscribed()) is None:
                await asyncio.sleep(_TRY_AGAIN)
            if self.status in _ENDING:
                return

    async def _subscribed(self) -> Any:
        try:
            comm = await self.scheduler_comm.live_comm()
            await comm.write({"op": "subscribe_worker_status"})
            self.scheduler_info = SchedulerInfo(await comm.read())
        except OSError:
            return None
        WATCH_COMM.put(self, comm)
        return comm

    async def _close(self) -> None:
        task = WATCH_TASK.of(self, None)
        if self.status != Status.closed and task is not None:
            task.cancel()
            await asyncio.wait([task])  # raises nothing, whatever became of it
            WATCH_TASK.put(self, None)
        await super()._close()
