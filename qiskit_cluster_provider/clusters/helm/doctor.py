"""What ``qiskit-cluster doctor`` finds out about a release, without starting or changing anything."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

from ...errors import ClusterApiError, ClusterConnectionError
from ..doctor.findings import Finding
from ..doctor.running import running_at
from ..kubernetes.api import connected
from ..kubernetes.doctor import login, namespace_finding, reached, reviewed, rights
from ..kubernetes.forward import Way, is_outside
from ..kubernetes.rights import HELM_RIGHTS, of_use
from .config import HelmConfig
from .release import RIGHTS_FILE, Release, find
from .session import speaks


def findings(config: HelmConfig) -> Iterator[Finding]:
    """The findings for ``aer-helm``."""
    outside = is_outside(config.port_forward)
    wanted = of_use(HELM_RIGHTS, outside)
    try:
        with connected(RIGHTS_FILE) as api:
            namespace = config.namespace or api.namespace
            yield reached(api, namespace)
            reviews = reviewed(wanted, namespace)
            answers = api.all([("GET", f"/api/v1/namespaces/{namespace}", None), *reviews.values()])
            if (refused := login(answers)) is not None:
                yield refused
                return
            yield namespace_finding(namespace, answers[0])
            said = list(rights(wanted, dict(zip(reviews, answers[1:], strict=True)), namespace, RIGHTS_FILE))
            yield from said
            if any(one.ok is False for one in said):
                return
            yield from _release(find(api, namespace, config.release), outside)
    except ClusterApiError as error:
        yield Finding.failed("Kubernetes", error)
    except ClusterConnectionError as error:
        yield Finding.failed("release", error)


def _release(release: Release, forward: bool) -> Iterator[Finding]:
    release.check()
    yield Finding("release", f"{release.name} in {release.namespace} has the scheduler {release.service}")
    now, wanted = release.look(), release.wanted()
    for trouble in now.troubles:
        yield Finding("pods", trouble.text, False if trouble.of_scheduler and trouble.final else None, trouble.mend)
    if not now.scheduler_ready:
        if not now.troubles:
            yield Finding("scheduler", f"its pod is {now.scheduler or 'not there'}", None, release.pods_shown_by)
        return
    if now.running < wanted:
        yield Finding("pods", f"{now.running} of {wanted} workers are ready", None, release.pods_shown_by)
    with closing(Way(release.namespace, release.service, forward, RIGHTS_FILE)) as way:
        yield from _scheduler(release, *way.to(*release.comm))


def _scheduler(release: Release, host: str, port: int) -> Iterator[Finding]:
    mend = f"If it does not begin: kubectl logs -n {release.namespace} deployment/{release.service}"
    silent = Finding("scheduler", "its pod runs, and Dask does not answer there yet", None, mend)
    if not speaks(host, port):
        yield silent
        return
    start = f"backend.scale(1), or {release.upgrade('worker.replicas', 1)}"
    yield from running_at(f"tcp://{host}:{port}", lambda _: silent, start)
