"""``aer-helm``: a release is found, connected to, scaled, and left."""

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
    """A release of the Helm chart ``dask``. Only its number of workers is changed."""

    description = "A Dask that Helm has put into Kubernetes: release=, namespace="
    Config = HelmConfig
    requires = ("distributed", "kr8s")
    extra = "qiskit-cluster-provider[kubernetes]"
    checked = True

    @contextmanager
    def connect(self, config: HelmConfig) -> Iterator[Client]:
        """Wait for the scheduler of the release, and for a first worker if there are to be any.

        Raises:
            ClusterConnectionError: The release does not exist, or does not run. The message says why, and what mends
                it.
            ClusterConfigError: The release cannot have so many workers.
        """
        from . import session

        with session.opened(config) as client:
            yield client

    def renew(self, client: Client, config: Any) -> Client | None:
        """Connect a new client to the same release."""
        return client.cluster.renew(client)

    def findings(self, config: HelmConfig) -> Iterator[Finding]:
        """Check Kubernetes, the login, rights, the release, and its pods."""
        from .doctor import findings

        yield from findings(config)

    def scale(self, client: Any, config: HelmConfig, workers: int, timeout: float | None) -> None:
        """Change the number of workers, and say why workers do not come.

        By default this waits as long as a start may take.
        """
        from . import session

        session.scale(client, workers, config.start_timeout if timeout is None else timeout)
