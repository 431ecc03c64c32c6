"""What a backend can do to its cluster."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, Self

from ..clusters import Connection
from ..errors import ClusterConfigError
from ..options import SliceOptions
from .execution import Execution


class ClusterAccess:
    """A backend's cluster: connected, looked at, scaled and closed."""

    _connection: Connection
    _slice_options: SliceOptions

    @property
    @abstractmethod
    def execution(self) -> Execution:
        """Runs work as this backend does, with the options that it has now. The primitives use it."""

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

    def connect(self, *, timeout: float = 60.0) -> Self:
        """Start the cluster now, and the processes that simulate on its workers, so that the first run finds them.

        Without this, the first run starts them. Starting takes about half a second on a worker; see
        :doc:`/howto/speed`. Workers that come later start theirs when a job sees them. With an ``executor``, its
        threads or processes get theirs; nothing is started for an executor of another kind.

        Args:
            timeout: seconds to wait for the processes of the workers that are there. When they are over, this
                returns, and the processes go on starting. With 0, it does not wait.

        Returns:
            This backend.

        Raises:
            ClusterConfigError: ``timeout`` is negative.
            ClusterConnectionError: the cluster cannot be started or reached.
            ClusterVersionError: a worker has versions that do not fit to this process.
        """
        if not timeout >= 0:
            raise ClusterConfigError(f"timeout must be a number of seconds from 0 on, not {timeout!r}.")
        self.execution.connect(timeout)
        return self

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
        """Connect as :meth:`connect` does, without waiting, unless an executor is set in the cluster's place."""
        if self._slice_options.executor is None:
            self.connect(timeout=0)
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
