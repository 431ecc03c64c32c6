"""Another number of workers: asked of Kubernetes, waited for, and the reason if they do not come."""

from __future__ import annotations

import time
from typing import Any

from distributed.comm import get_address_host

from ...errors import ClusterConnectionError
from ..kubernetes.api import connected
from ..kubernetes.deployed import LOOK_EVERY
from ..kubernetes.pods import ready
from ..lifecycle.starting import check_wanted, stopping
from .cluster import HelmCluster
from .release import RIGHTS_FILE, Release


def scale(client: Any, workers: int, timeout: float) -> None:
    """Ask for ``workers`` pods, and wait until they, and no others, are workers of the scheduler.

    Args:
        client: of a :class:`.cluster.HelmCluster`.
        workers: how many pods.
        timeout: seconds; 0 to return at once.

    Raises:
        ClusterConfigError: there cannot be so few.
        ClusterApiError: Kubernetes refuses.
        ClusterConnectionError: they are not there in time; says why.
    """
    cluster: HelmCluster = client.cluster
    with connected(RIGHTS_FILE) as api:
        release = cluster.release.through(api)
        release.ask_for(workers)
        start = time.monotonic()
        while timeout and not _there(release, client, workers):
            check_wanted()
            waited = time.monotonic() - start
            if waited > timeout:
                raise ClusterConnectionError(_late(release, client, workers, waited))
            stopping().wait(LOOK_EVERY)


def _there(release: Release, client: Any, workers: int) -> bool:
    """Whether there are so many pods, and a Dask worker, or several, in each of them and nowhere else."""
    pods = release.worker_pods()
    if len(pods) != workers or not all(map(ready, pods)):
        return False
    hosts = _hosts(client)
    return len(hosts) == workers or set(hosts) == {pod["status"]["podIP"] for pod in pods}


def _hosts(client: Any) -> list[str]:
    """Where the scheduler has workers: nowhere, if it cannot be asked just now."""
    try:
        return [get_address_host(address) for address in client.nthreads()]
    except OSError:
        return []


def _late(release: Release, client: Any, workers: int, waited: float) -> str:
    now, wanted = release.look(), release.wanted()
    head = f"there are {len(set(_hosts(client)))} of {workers} workers after {waited:.0f} s"
    if wanted != workers:
        return (
            f"{head}, and {wanted} are asked of Kubernetes by now: somebody else scales the release, or an "
            f"autoscaler. kubectl get deployments,hpa -n {release.namespace}"
        )
    if now.troubles:
        return f"{head}: {release.explain(now.troubles[0])}"
    return f"{head}; they may still come. {release.pods_shown_by}"
