"""What ``qiskit-cluster doctor`` finds out about a release, without starting or changing anything."""

from __future__ import annotations

import os
from collections.abc import Iterator

from ...errors import ClusterApiError, ClusterConnectionError
from ..findings import Finding
from ..kubernetes.api import connected
from ..kubernetes.doctor import failed, login, namespace_finding, reached, reviewed, rights
from ..kubernetes.forward import is_inside
from ..kubernetes.rights import HELM_RIGHTS
from .config import HelmConfig
from .release import RIGHTS_FILE, Release, find


def findings(config: HelmConfig) -> Iterator[Finding]:
    """For ``aer-helm``."""
    outside = not is_inside(os.environ) if config.port_forward is None else config.port_forward
    wanted = [right for right in HELM_RIGHTS if outside or right.resource != "pods/portforward"]
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
            yield from _release(find(api, namespace, config.release))
    except ClusterApiError as error:
        yield failed("Kubernetes", error)
    except ClusterConnectionError as error:
        yield failed("release", error)


def _release(release: Release) -> Iterator[Finding]:
    release.check()
    yield Finding("release", f"{release.name} in {release.namespace} has the scheduler {release.service}")
    now = release.look()
    for trouble in now.troubles:
        yield Finding("pods", trouble.text, False if trouble.of_scheduler and trouble.final else None, trouble.mend)
    if not now.scheduler_ready and not now.troubles:
        yield Finding("scheduler", f"its pod is {now.scheduler or 'not there'} yet", None, release.pods_shown_by)
    wanted = release.wanted()
    all_there = now.running >= wanted > 0
    mend = "" if all_there else f"backend.scale(n), or {release.upgrade('worker.replicas', max(1, wanted))}"
    yield Finding("workers", f"{now.running} of {wanted} are ready", True if all_there else None, mend)
