"""dask-kubernetes' ``KubeCluster`` on a ``DaskCluster`` that is there already."""

from __future__ import annotations

import asyncio
from typing import Any

from dask_kubernetes.operator._objects import DaskCluster
from dask_kubernetes.operator.kubecluster.kubecluster import CreateMode, KubeCluster
from dask_kubernetes.operator.networking import wait_for_scheduler_comm
from distributed import Client
from distributed.core import Status, rpc

from ...errors import ClusterApiError, ClusterConnectionError
from .api import connected
from .forward import Forward
from .start import Place

_SCHEDULER, _DASHBOARD = 8786, 8787
_ANSWER_WITHIN = 30.0  # seconds, of a scheduler whose pod is ready


class RunningKubeCluster(KubeCluster):
    """A ``KubeCluster`` that only connects, whose port-forwards end with it.

    What :class:`KubeCluster` waits for without end, or polls in a way that fails one time in five
    (dask-kubernetes #968), is done before, by :mod:`.start`; how it scales, adapts, shows logs and draws itself
    is its own.

    Args:
        name: of the ``DaskCluster``.
        namespace: where it is.
        outside: whether this process is outside of Kubernetes, so that ports must be forwarded.
        owned: whether :meth:`close` deletes the ``DaskCluster``.

    Attributes:
        clients: that are connected through it.

    Raises:
        ClusterConnectionError: the scheduler does not answer.
    """

    def __init__(self, name: str, namespace: str, *, outside: bool, owned: bool) -> None:
        self._outside = outside
        self._forwards: list[Forward] = []
        self.clients: list[Client] = []
        try:
            super().__init__(
                name=name,
                namespace=namespace,
                create_mode=CreateMode.CONNECT_ONLY,
                shutdown_on_close=owned,
                quiet=True,
            )
        except BaseException:
            self.shutdown_on_close = False  # is the caller's business, who made it
            self.close()
            raise

    def close(self, timeout: float = 3600) -> None:
        """Close it; its event loop and its port-forwards end too, which dask-kubernetes leaves running."""
        if self.status is not Status.closed:
            try:
                super().close(timeout=timeout)
            finally:
                self._loop_runner.stop()

    def no_workers(self) -> str:
        """Why there are none, as far as Kubernetes tells: how a sentence goes on."""
        try:
            with connected() as api:
                now = Place(api, self.namespace, self.name).look()
        except ClusterApiError as error:
            return f"why, cannot be asked: {str(error.message).rstrip('.')}"
        if now.troubles:
            return now.troubles[0].text
        if now.workers:
            return f"{now.workers} pods of workers are there, and {now.running} of them are ready"
        return "no pod of one is there: scale(n) asks for some, with adapt(min, max) the operator brings them"

    async def _connect_cluster(self) -> None:
        cluster = await DaskCluster.get(self.name, namespace=self.namespace)
        container = cluster.spec.worker.spec.containers[0]
        # What add_worker_group() takes for a further group.
        self.image, self.n_workers = container.image, cluster.replicas
        self.resources, self.env = container.get("resources"), container.get("env")
        self.jupyter = "--jupyter" in cluster.spec.scheduler.spec.containers[0].get("args", [])
        host, port = await self._address(_SCHEDULER)
        address = f"tcp://{host}:{port}"
        try:
            await asyncio.wait_for(wait_for_scheduler_comm(address), _ANSWER_WITHIN)
        except TimeoutError as error:
            raise ClusterConnectionError(
                f"the scheduler of {self.name!r} does not answer on {address} within {_ANSWER_WITHIN:g} s, though "
                f"its pod is ready. kubectl logs -n {self.namespace} deployment/{self.name}-scheduler"
            ) from error
        self.scheduler_comm = rpc(address)
        self.forwarded_dashboard_port = str((await self._address(_DASHBOARD))[1])

    async def _address(self, port: int) -> tuple[str, int]:
        service = f"{self.name}-scheduler"
        if not self._outside:
            return f"{service}.{self.namespace}.svc", port
        forward = await asyncio.to_thread(Forward, self.namespace, service, port)
        self._forwards.append(forward)
        return "localhost", forward.port

    async def _close(self, timeout: float = 3600) -> None:
        try:
            await super()._close(timeout=timeout)
        finally:
            for forward in self._forwards:
                await asyncio.to_thread(forward.close)


def is_inside(environment: Any) -> bool:
    """Whether a process with these environment variables runs in a pod."""
    return "KUBERNETES_SERVICE_HOST" in environment
