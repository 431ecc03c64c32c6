"""From settings to a scheduler that can be connected to and a first worker, or to an error that says why not."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from ...errors import ClusterApiError, ClusterConnectionError
from ...logs import logger
from ..stopping import check_wanted, stopping
from .api import CLUSTERS, INSTALL, OPERATOR, Api
from .config import KubernetesConfig
from .pods import CLUSTER, Seen, Trouble, seen
from .showing import Show
from .spec import DELETED, manifest

_LOOK_EVERY = 0.3  # seconds
_OPERATOR_WITHIN = 30.0  # to begin with a cluster; it takes about one
_GONE_WITHIN = 15.0
_LINES = 12  # of a log, that are shown


class Place:
    """One ``DaskCluster`` in Kubernetes, there or not yet.

    Attributes:
        api: Kubernetes.
        namespace: where.
        name: of the ``DaskCluster``.
    """

    def __init__(self, api: Api, namespace: str, name: str) -> None:
        self.api = api
        self.namespace = namespace
        self.name = name

    def path(self, kind: str, name: str = "") -> str:
        """Of our custom resources."""
        return f"{CLUSTERS}/namespaces/{self.namespace}/{kind}" + (f"/{name}" if name else "")

    def find(self) -> dict[str, Any] | None:
        """The ``DaskCluster``, if there is one."""
        return self.api.find(self.path("daskclusters", self.name))

    def look(self, image: str = "") -> Seen:
        """What its pods do now."""
        return seen(self.pods(), self.deployments(), image)

    def pods(self) -> list[dict[str, Any]]:
        """Those of the scheduler and the workers."""
        label = f"{CLUSTER}={self.name}"
        return self.api.items(f"/api/v1/namespaces/{self.namespace}/pods", labelSelector=label)

    def deployments(self) -> list[dict[str, Any]]:
        """One for the scheduler and one for each worker."""
        label = f"{CLUSTER}={self.name}"
        try:
            return self.api.items(f"/apis/apps/v1/namespaces/{self.namespace}/deployments", labelSelector=label)
        except ClusterApiError as error:
            if error.status == 403:  # they tell more, and are not needed
                return []
            raise

    def create(self, config: KubernetesConfig) -> None:
        """Ask for the cluster.

        Raises:
            ClusterApiError: Kubernetes refuses.
        """
        self.api.request("POST", self.path("daskclusters"), manifest(config, self.name))

    def remove(self) -> None:
        """Delete it, and wait until it is gone. Warns if it does not go: then the operator does not run."""
        path = self.path("daskclusters", self.name)
        try:
            self.api.request("DELETE", path, {"propagationPolicy": "Background"})
            start = time.monotonic()
            while self.api.find(path) is not None:
                waited = time.monotonic() - start
                if waited > _GONE_WITHIN:
                    logger.warning(
                        "DaskCluster %s is marked for deletion, and still there after %g s. If it is not gone in two "
                        "minutes, the Dask operator does not run: kubectl get daskcluster -n %s %s",
                        *(self.name, _GONE_WITHIN, self.namespace, self.name),
                    )
                    return
                if waited > _LOOK_EVERY:
                    self._remind(path, waited)
                time.sleep(_LOOK_EVERY)
        except ClusterApiError as error:
            if error.status != 404:
                left = f"kubectl delete daskcluster -n {self.namespace} {self.name}"
                logger.warning("DaskCluster %s could not be deleted: %s %s", self.name, error.message, left)

    def _remind(self, path: str, waited: float) -> None:
        """Let the operator look again, by a change: if it was asking whether the cluster idles, it waits a minute."""
        try:
            self.api.request("PATCH", path, {"metadata": {"annotations": {DELETED: f"{waited:.1f} s ago"}}})
        except ClusterApiError as error:
            if error.status not in (403, 404):
                raise

    def explain(self, trouble: Trouble) -> str:
        """A trouble as the user reads it, with the last lines of the container's log."""
        said = f"{trouble.text}. {trouble.mend}"
        if trouble.pod:
            lines = self._last_lines(trouble)
            said += f":\n{lines}" if lines else f": kubectl logs -n {self.namespace} {trouble.pod} --previous"
        return said

    def _last_lines(self, trouble: Trouble) -> str:
        for previous in (True, False):
            try:
                text = self.api.log(self.namespace, trouble.pod, trouble.container, previous, _LINES)
            except ClusterApiError:
                continue
            if text.strip():
                return text.rstrip()
        return ""


def await_scheduler(place: Place, config: KubernetesConfig, show: Show) -> None:
    """Wait until the scheduler of a new cluster is ready.

    Raises:
        ClusterConnectionError: it will not be, or is not in time; says why.
        ClusterClosedError: the backend was closed meanwhile.
    """
    start = time.monotonic()

    def done(now: Seen) -> bool:
        if not now.scheduler and time.monotonic() - start > min(_OPERATOR_WITHIN, config.start_timeout):
            raise ClusterConnectionError(
                f"DaskCluster {place.name!r} was created, and nobody has begun with it after "
                f"{time.monotonic() - start:.0f} s: dask-kubernetes' operator does not run, or does not watch the "
                f"namespace {place.namespace!r}. kubectl get pods -A -l {OPERATOR} (to install it: {INSTALL})"
            )
        return now.scheduler_ready

    _await(place, config, show, done, "scheduler")


def await_worker(place: Place, config: KubernetesConfig, show: Show, count: Callable[[], int]) -> None:
    """Wait until ``count`` gives a first worker, if there are to be any.

    Raises:
        ClusterConnectionError: there will be none, or is none in time; says why.
        ClusterClosedError: the backend was closed meanwhile.
    """
    _await(place, config, show, lambda now: count() >= min(1, config.smallest), "first worker")


def _await(place: Place, config: KubernetesConfig, show: Show, done: Callable[[Seen], bool], what: str) -> None:
    start = time.monotonic()
    while True:
        check_wanted()
        now = place.look(config.image or "")
        if done(now):
            return
        waited = time.monotonic() - start
        # A worker runs before it has found its scheduler, even one that will never be there.
        hopeless = [one for one in now.troubles if one.final and (one.of == "scheduler" or not now.running)]
        if hopeless:
            raise ClusterConnectionError(place.explain(hopeless[0]))
        if waited > config.start_timeout:
            why = (
                place.explain(now.troubles[0])
                if now.troubles
                else f"kubectl get pods -n {place.namespace} -l {CLUSTER}={place.name}"
            )
            raise ClusterConnectionError(
                f"there is no {what} after {waited:.0f} s (start_timeout={config.start_timeout:g}): {why}"
            )
        trouble = f"; {now.troubles[0].text}" if now.troubles else ""
        show(
            f"{place.name} in {place.namespace}: scheduler {now.scheduler or 'not there'}, "
            f"{now.running} of {config.smallest} workers{trouble}"
        )
        stopping().wait(_LOOK_EVERY)
