"""``aer-helm``: found, connected to, scaled, left."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ..base import ClusterKind
from ..doctor.findings import Finding
from .config import HelmConfig

if TYPE_CHECKING:
    from distributed import Client


class HelmKind(ClusterKind):
    """A release of the Helm chart ``dask``. Of all that it has, the number of workers alone is changed."""

    description = "A Dask that Helm has put into Kubernetes: release=, namespace="
    Config = HelmConfig
    requires = ("distributed", "kr8s")
    extra = "qiskit-cluster-provider[kubernetes]"
    checked = True

    @contextmanager
    def connect(self, config: HelmConfig) -> Iterator[Client]:
        """Wait for the scheduler of the release, and for a first worker if there are to be any.

        Raises:
            ClusterConnectionError: there is no such release, or it does not run; says why, and what mends it.
            ClusterConfigError: it cannot have so many workers.
        """
        from . import session

        with session.opened(config) as client:
            yield client

    def renew(self, client: Client, config: Any) -> Client | None:
        """A new client of the same release: its address stays, whichever pod is behind it."""
        return client.cluster.renew(client)

    def findings(self, config: HelmConfig) -> Iterator[Finding]:
        """Kubernetes, login, rights, release and pods."""
        from .doctor import findings

        yield from findings(config)

    def scale(self, client: Any, config: HelmConfig, workers: int, timeout: float | None) -> None:
        """Waits as long as a start may take, and says why workers do not come."""
        from . import session

        session.scale(client, workers, config.start_timeout if timeout is None else timeout)
