"""``aer-k8s``: a cluster is started or attached to, scaled, and left."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ..base import ClusterKind
from ..doctor.findings import Finding
from .config import KubernetesConfig

if TYPE_CHECKING:
    from distributed import Client


class KubernetesKind(ClusterKind):
    """A ``DaskCluster`` of dask-kubernetes' operator, used through dask-kubernetes' ``KubeCluster``."""

    description = "A Dask cluster in Kubernetes, started when it is first used: image=, workers=, cpu=, memory="
    Config = KubernetesConfig
    requires = ("distributed", "dask_kubernetes")
    extra = "qiskit-cluster-provider[kubernetes]"
    checked = True
    outlives = True

    @contextmanager
    def connect(self, config: KubernetesConfig) -> Iterator[Client]:
        """Start a cluster, or use the one that has this name.

        Leaving the context deletes the cluster that was started, unless it is to be kept.

        Raises:
            ClusterConnectionError: The cluster cannot be started or reached. The message says why, and what mends it.
            ClusterConfigError: A cluster of this name exists already, or does not exist and is only to be attached
                to.
        """
        from . import session

        with session.opened(config) as opened:
            yield opened.client

    def renew(self, client: Client, config: Any) -> Client | None:
        """Connect a new client through the same ``KubeCluster``."""
        return client.cluster.renew(client)

    def findings(self, config: KubernetesConfig) -> Iterator[Finding]:
        """Check Kubernetes, the login, rights, the operator, room for the workers, and the image."""
        from .doctor import findings

        yield from findings(config)

    def scale(self, client: Any, config: KubernetesConfig, workers: int, timeout: float | None) -> None:
        """Change the number of workers, and say why workers do not come.

        By default this waits as long as a start may take.
        """
        from . import session

        session.scaled(client, workers, config.start_timeout if timeout is None else timeout)

    def adapt(self, client: Any, config: KubernetesConfig, minimum: int, maximum: int) -> None:
        """Let the operator decide how many workers there are. It looks at the load every few seconds."""
        from . import session

        session.adapted(client, minimum, maximum)

    def options(self, config: KubernetesConfig) -> Mapping[str, Any]:
        """``device="GPU"`` if the workers have GPUs."""
        return {"device": "GPU"} if config.gpu else {}

    def size(self, config: KubernetesConfig) -> tuple[int, int]:
        """The largest number of workers, and the CPUs of each."""
        return config.largest, config.threads

    def portable(self, config: KubernetesConfig) -> dict[str, Any]:
        """The settings that a pickle keeps. A manifest is kept without the values of environment variables.

        An environment variable that refers to a Secret stays.
        """
        found = super().portable(config)
        if "spec" in found:
            found["spec"] = _without_values(found["spec"])
        return found

    def grows_to(self, config: KubernetesConfig) -> int:
        """The maximum, if the load decides."""
        return config.largest if isinstance(config.workers, tuple) else 0


def _without_values(manifest: Any) -> Any:
    """A manifest without the entries of ``env`` lists that have a value. Anything else is returned as it is."""
    if isinstance(manifest, list | tuple):
        return [_without_values(one) for one in manifest]
    if not isinstance(manifest, Mapping):
        return manifest
    kept = {key: _without_values(value) for key, value in manifest.items()}
    if isinstance(kept.get("env"), list):
        kept["env"] = [one for one in kept["env"] if not (isinstance(one, Mapping) and "value" in one)]
    return kept
