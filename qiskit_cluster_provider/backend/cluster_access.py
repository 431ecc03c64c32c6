"""What a backend can do to its cluster."""

from __future__ import annotations

from typing import Any, Self

from ..clusters import Connection
from ..options import SliceOptions


class ClusterAccess:
    """A backend's cluster: looked at, scaled and closed."""

    _connection: Connection
    _slice_options: SliceOptions

    @property
    def connection(self) -> Connection:
        """To where it runs; ``backend.connection.client()`` is its ``distributed.Client``."""
        return self._connection

    @property
    def cluster(self) -> Any:
        """Dask's own cluster object, such as a ``LocalCluster``, a ``KubeCluster``, or a ``SLURMCluster``.

        It is ``None`` before the cluster is started, and if only a scheduler's address or a client is known.
        """
        return getattr(self._connection.client(), "cluster", None) if self._connection.started else None

    @property
    def dashboard_link(self) -> str | None:
        """The address of Dask's dashboard, for a browser on this machine; ``None`` before the cluster is started."""
        connection = self._connection
        return connection.kind.dashboard_link(connection.client(), connection.config) if connection.started else None

    def scale(self, workers: int, *, timeout: float | None = None) -> None:
        """Give the cluster ``workers`` workers, and wait until they are there. Starts it if need be.

        Args:
            workers: how many; 0 is allowed, and jobs then wait.
            timeout: seconds to wait; default: a minute, or what the kind of cluster says; 0 returns at once.

        Raises:
            ClusterConfigError: the cluster cannot be scaled from here.
            ClusterConnectionError: it cannot be started, or the workers did not come in time; says why.
        """
        self._connection.scale(workers, timeout)

    def adapt(self, minimum: int, maximum: int) -> None:
        """Let the load decide how many workers there are, between two numbers. Starts the cluster if need be.

        Raises:
            ClusterConfigError: the cluster cannot be scaled from here.
            ClusterConnectionError: it cannot be started.
        """
        self._connection.adapt(minimum, maximum)

    def close(self) -> None:
        """Close the cluster if this backend or its provider started it. Other backends on it end too."""
        self._connection.close()

    def __enter__(self) -> Self:
        """Start the cluster, unless an executor is set in its place."""
        if self._slice_options.executor is None:
            self._connection.client()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
