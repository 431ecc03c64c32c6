"""``aer-k8s``: started, attached to, scaled, left."""

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
    """A ``DaskCluster`` of dask-kubernetes' operator, through its ``KubeCluster``."""

    description = "A Dask cluster in Kubernetes, started when it is first used: image=, workers=, cpu=, memory="
    Config = KubernetesConfig
    requires = ("distributed", "dask_kubernetes")
    extra = "qiskit-cluster-provider[kubernetes]"
    checked = True
    outlives = True

    @contextmanager
    def connect(self, config: KubernetesConfig) -> Iterator[Client]:
        """Start a cluster, or use one of this name; delete afterwards what was started, unless it is to be kept.

        Raises:
            ClusterConnectionError: it cannot be started or reached; says why, and what mends it.
            ClusterConfigError: there is one of this name already, or none to attach to.
        """
        from . import session

        with session.opened(config) as opened:
            yield opened.client

    def renew(self, client: Client, config: Any) -> Client | None:
        """A new client of the same ``KubeCluster``: its address stays, whichever pod is behind it."""
        return client.cluster.renew(client)

    def findings(self, config: KubernetesConfig) -> Iterator[Finding]:
        """Kubernetes, login, rights, operator, room and image."""
        from .doctor import findings

        yield from findings(config)

    def scale(self, client: Any, config: KubernetesConfig, workers: int, timeout: float | None) -> None:
        """Waits as long as a start may take, and says why workers do not come."""
        from . import session

        session.scaled(client, workers, config.start_timeout if timeout is None else timeout)

    def adapt(self, client: Any, config: KubernetesConfig, minimum: int, maximum: int) -> None:
        """Through the operator, which looks at the load every few seconds."""
        from . import session

        session.adapted(client, minimum, maximum)

    def options(self, config: KubernetesConfig) -> Mapping[str, Any]:
        """``device="GPU"`` if workers have one."""
        return {"device": "GPU"} if config.gpu else {}

    def size(self, config: KubernetesConfig) -> tuple[int, int]:
        """All that there may be, and the CPUs of one."""
        return config.largest, config.threads

    def portable(self, config: KubernetesConfig) -> dict[str, Any]:
        """Of a manifest, too, without the values of environment variables; what refers to a Secret stays."""
        found = super().portable(config)
        if "spec" in found:
            found["spec"] = _without_values(found["spec"])
        return found

    def grows_to(self, config: KubernetesConfig) -> int:
        """The maximum, if the load decides."""
        return config.largest if isinstance(config.workers, tuple) else 0


def _without_values(manifest: Any) -> Any:
    """A manifest whose lists ``env`` name no value themselves; of anything else, itself."""
    if isinstance(manifest, list | tuple):
        return [_without_values(one) for one in manifest]
    if not isinstance(manifest, Mapping):
        return manifest
    kept = {key: _without_values(value) for key, value in manifest.items()}
    if isinstance(kept.get("env"), list):
        kept["env"] = [one for one in kept["env"] if not (isinstance(one, Mapping) and "value" in one)]
    return kept
