"""dask-kubernetes' ``KubeCluster`` on a ``DaskCluster`` that exists already."""

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
    """A ``KubeCluster`` that only connects, and whose port-forwards end with it.

    :class:`KubeCluster` itself waits for some things without end, and polls others in a way that fails one time in
    five (dask-kubernetes #968). :mod:`.start` does these before. Scaling, adapting, logs and the widget are those of
    ``KubeCluster``.

    Args:
        name: The name of the ``DaskCluster``.
        namespace: The namespace of the ``DaskCluster``.
        forward: Whether to reach it through the API server; default: yes, unless this process runs in Kubernetes.
        owned: Whether :meth:`close` deletes the ``DaskCluster``.

    Attributes:
        clients: The clients that are connected through it.
        pods_shown_by: The command that shows its pods.
        between: The numbers of workers between which the load decides, if this process asked for that.

    Raises:
        ClusterConnectionError: The scheduler does not answer.
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
        """Close it, with its event loop and its port-forwards, which dask-kubernetes would leave running."""
        if self.status is not Status.closed:
            try:
                super().close(timeout=timeout)
            finally:
                stop_loop(self)

    @contextmanager
    def deployed(self) -> Iterator[Place]:
        """The ``DaskCluster``, with a login that ends with the context."""
        with connected() as api:
            yield Place(api, self.namespace, self.name)

    @property
    def asked_by(self) -> str:
        """How to ask for workers, or that the operator is to bring them."""
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
