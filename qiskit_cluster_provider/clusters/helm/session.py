"""One use of a release: it is found, waited for, connected to, scaled, and left as it is."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from typing import Any

from distributed import Client
from distributed.comm import get_address_host

from ...errors import ClusterApiError
from ...outcomes import Reason
from ..kubernetes.api import Api, connected
from ..kubernetes.doctor import reviewed, rights
from ..kubernetes.forward import Way
from ..kubernetes.pods import ready
from ..kubernetes.rights import HELM_RIGHTS, PORT_FORWARD
from ..kubernetes.waiting import LOOK_EVERY, Show, await_first_worker, await_pods, showing
from ..scaling import await_workers
from .cluster import HelmCluster
from .config import HelmConfig
from .release import RIGHTS_FILE, Release, find

_SPEAKS_WITHIN = 3.0  # seconds
_FORWARD = tuple(right for right in HELM_RIGHTS if right.resource == PORT_FORWARD)


@contextmanager
def opened(config: HelmConfig) -> Iterator[Client]:
    """Does the work of :meth:`.kind.HelmKind.connect`."""
    with ExitStack() as stack:
        with connected(RIGHTS_FILE) as api, showing(config.quiet) as show:
            release = find(api, config.namespace or api.namespace, config.release)
            release.check()
            way = stack.enter_context(
                closing(Way(release.namespace, release.service, config.port_forward, RIGHTS_FILE))
            )
            if way.outside:
                _check_forward(api, release.namespace)
            if config.workers is not None:
                release.ask_for(config.workers)
            cluster = stack.enter_context(closing(_cluster(release, way, config, show)))
            stack.callback(cluster.end_clients)
            client = cluster.connect()
            workers = release.wanted() if config.workers is None else config.workers
            await_first_worker(release, show, client, workers=workers, timeout=config.start_timeout)
        yield client


def _check_forward(api: Api, namespace: str) -> None:
    """Refuse a user who may not forward ports. Without this, it would look as if the scheduler hangs up."""
    reviews = reviewed(_FORWARD, namespace)
    answers = dict(zip(reviews, api.all(reviews.values()), strict=True))
    for finding in rights(_FORWARD, answers, namespace, RIGHTS_FILE):
        if finding.ok is False:
            raise ClusterApiError(f"{finding.said}.", 403, hint=finding.mend)


def _cluster(release: Release, way: Way, config: HelmConfig, show: Show) -> HelmCluster:
    host, port = way.to(*release.comm)
    await_pods(
        *(release, show, lambda now: now.scheduler_ready and speaks(host, port)),
        what="scheduler that answers",
        workers=release.wanted(),
        timeout=config.start_timeout,
    )
    return HelmCluster(release, way, f"{host}:{port}")


def speaks(host: str, port: int) -> bool:
    """Whether a Dask scheduler is at the other end. In Dask, the side that is called speaks first.

    The chart's pods are ready as soon as they run, though Dask may start minutes later, after packages are installed.
    """
    try:
        with socket.create_connection((host, port), timeout=_SPEAKS_WITHIN) as connection:
            return connection.recv(1) != b""
    except OSError:
        return False


def scale(client: Any, workers: int, timeout: float) -> None:
    """Ask for ``workers`` pods, and wait until they, and no others, are workers of the scheduler.

    Args:
        client: A client of a :class:`.cluster.HelmCluster`.
        workers: The number of pods.
        timeout: The seconds to wait; 0 to return at once.

    Raises:
        ClusterConfigError: The release cannot have so few workers.
        ClusterApiError: Kubernetes refuses.
        ClusterConnectionError: The workers are not there in time. The message says why.
    """
    cluster: HelmCluster = client.cluster
    with cluster.deployed() as release:
        release.ask_for(workers)

        def late(waited: float) -> Reason:
            wanted = release.wanted()
            head = f"there are {len(set(_hosts(client)))} of {workers} workers after {waited:.0f} s"
            if wanted != workers:
                return Reason(
                    f"{head}, and {wanted} are asked of Kubernetes by now: another user or an autoscaler scales "
                    "the release.",
                    hint=f"kubectl get deployments,hpa -n {release.namespace}",
                )
            return release.late(head)

        await_workers(lambda: _there(release, client, workers), timeout, late, every=LOOK_EVERY)


def _there(release: Release, client: Any, workers: int) -> bool:
    """Whether there are so many pods, with one or more Dask workers in each of them and nowhere else."""
    pods = release.worker_pods()
    if len(pods) != workers or not all(map(ready, pods)):
        return False
    hosts = _hosts(client)
    return len(hosts) == workers or set(hosts) == {pod["status"]["podIP"] for pod in pods}


def _hosts(client: Any) -> list[str]:
    """The hosts of the scheduler's workers; none if the scheduler does not answer now."""
    try:
        return [get_address_host(address) for address in client.nthreads()]
    except OSError:
        return []
