"""dask-kubernetes' ``KubeCluster`` on a ``DaskCluster`` that is there already."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from dask_kubernetes.operator.kubecluster.kubecluster import CreateMode, KubeCluster
from dask_kubernetes.operator.networking import wait_for_scheduler_comm
from distributed import Client
from distributed.core import Status, rpc

from ..._compat.dask import stop_loop
from ..._compat.dask_kubernetes import CLOSE, CONNECT, DASK_CLUSTER
from ..._compat.private import overriding
from ...errors import ClusterConnectionError
from .api import connected
from .connected_cluster import ConnectedCluster
from .forward import Way
from .pods import CLUSTER
from .start import Place

_SCHEDULER, _DASHBOARD = 8786, 8787
_ASKED_BY = "scale(n) asks for some, with adapt(min, max) the operator brings them"
_ADAPTS = "the operator adapts between {} and {}, and has not made one yet"
_ANSWER_WITHIN = 30.0  # seconds, of a scheduler whose pod is ready


@overriding(CONNECT, CLOSE, DASK_CLUSTER)
class RunningKubeCluster(ConnectedCluster, KubeCluster):
    """A ``KubeCluster`` that only connects, whose port-forwards end with it.

    What :class:`KubeCluster` waits for without end, or polls in a way that fails one time in five
    (dask-kubernetes #968), is done before, by :mod:`.start`; how it scales, adapts, shows logs and draws itself
    is its own.

    Args:
        name: of the ``DaskCluster``.
        namespace: where it is.
        forward: reach it through the API server; default: yes, unless this process runs in Kubernetes.
        owned: whether :meth:`close` deletes the ``DaskCluster``.

    Attributes:
        clients: that are connected through it.
        pods_shown_by: the command that shows its pods.
        between: the numbers of workers that the load decides between, if this process asked for that.

    Raises:
        ClusterConnectionError: the scheduler does not answer.
    """

    def __init__(self, name: str, namespace: str, *, forward: bool | None, owned: bool) -> None:
        self._way = Way(namespace, f"{name}-scheduler", forward)
        self.clients: list[Client] = []
        self.between: tuple[int, int] | None = None
        self.pods_shown_by = f"kubectl get pods -n {namespace} -l {CLUSTER}={name}"
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
                stop_loop(self)

    @contextmanager
    def deployed(self) -> Iterator[Place]:
        """Its ``DaskCluster``, by a login that ends with the context."""
        with connected() as api:
            yield Place(api, self.namespace, self.name)

    @property
    def asked_by(self) -> str:
        """How workers are asked for, or that the operator is to bring them."""
        return _ADAPTS.format(*self.between) if self.between and self.between[1] else _ASKED_BY

    async def _connect_cluster(self) -> None:
        cluster = await DASK_CLUSTER.found.get(self.name, namespace=self.namespace)
        container = cluster.spec.worker.spec.containers[0]
        # What add_worker_group() takes for a further group.
        self.image, self.n_workers = container.image, cluster.replicas
        self.resources, self.env = container.get("resources"), container.get("env")
        self.jupyter = "--jupyter" in cluster.spec.scheduler.spec.containers[0].get("args", [])
        host, port = await asyncio.to_thread(self._way.to, _SCHEDULER, _SCHEDULER)
        address = f"tcp://{host}:{port}"
        try:
            await asyncio.wait_for(wait_for_scheduler_comm(address), _ANSWER_WITHIN)
        except TimeoutError as error:
            raise ClusterConnectionError(
                f"the scheduler of {self.name!r} does not answer on {address} within {_ANSWER_WITHIN:g} "
                "s, though its pod is ready.",
                hint=f"kubectl logs -n {self.namespace} deployment/{self.name}-scheduler",
            ) from error
        self.scheduler_comm = rpc(address)
        dashboard = await asyncio.to_thread(self._way.to, _DASHBOARD, _DASHBOARD)
        self.forwarded_dashboard_port = str(dashboard[1])

    async def _close(self, timeout: float = 3600) -> None:
        try:
            await super()._close(timeout=timeout)
        finally:
            await asyncio.to_thread(self._way.close)
