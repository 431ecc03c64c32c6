"""One use of a release: found, waited for, connected to, and left as it is."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager

from distributed import Client

from ...errors import ClusterApiError
from ..kubernetes.api import Api, connected
from ..kubernetes.clients import connect, end_clients
from ..kubernetes.deployed import await_pods
from ..kubernetes.doctor import reviewed, rights
from ..kubernetes.forward import Way
from ..kubernetes.rights import HELM_RIGHTS, PORT_FORWARD
from ..kubernetes.showing import Show, showing
from .cluster import HelmCluster
from .config import HelmConfig
from .release import RIGHTS_FILE, Release, find

_SPEAKS_WITHIN = 3.0  # seconds
_FORWARD = tuple(right for right in HELM_RIGHTS if right.resource == PORT_FORWARD)


@contextmanager
def opened(config: HelmConfig) -> Iterator[Client]:
    """See :meth:`.kind.HelmKind.connect`."""
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
            stack.callback(end_clients, cluster)
            client = connect(cluster)
            _await_worker(release, client, config, show)
        yield client


def _check_forward(api: Api, namespace: str) -> None:
    """Refuse what would look like a scheduler that hangs up."""
    reviews = reviewed(_FORWARD, namespace)
    answers = dict(zip(reviews, api.all(reviews.values()), strict=True))
    for finding in rights(_FORWARD, answers, namespace, RIGHTS_FILE):
        if finding.ok is False:
            raise ClusterApiError(f"{finding.said}. {finding.mend}", 403)


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
    """Whether a scheduler is at the other end: in Dask, who is called speaks first.

    The chart's pods are ready as soon as they run, and where they install packages Dask comes minutes later.
    """
    try:
        with socket.create_connection((host, port), timeout=_SPEAKS_WITHIN) as connection:
            return connection.recv(1) != b""
    except OSError:
        return False


def _await_worker(release: Release, client: Client, config: HelmConfig, show: Show) -> None:
    wanted = release.wanted() if config.workers is None else config.workers
    await_pods(
        *(release, show, lambda now: len(client.nthreads()) >= min(1, wanted)),
        what="first worker",
        workers=wanted,
        timeout=config.start_timeout,
    )
