"""From settings to a scheduler that can be connected to and a first worker, or to an error that says why not."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from ...errors import ClusterApiError, ClusterConnectionError
from ...logs import logger
from .api import CLUSTERS, INSTALL, OPERATOR, Api
from .config import KubernetesConfig
from .deployed import LOOK_EVERY, Deployed, await_pods
from .pods import CLUSTER, Advice, Seen
from .showing import Show
from .spec import DELETED, manifest

_OPERATOR_WITHIN = 30.0  # to begin with a cluster; it takes about one
_GONE_WITHIN = 15.0
_GROUP_WITHIN = 5.0
_ADVICE = Advice(
    less="Ask for less with cpu=, memory= or gpu=, for fewer workers, or for other nodes with node_selector=",
    image="image=",
    memory="memory= or scheduler_memory=",
)


class Place(Deployed):
    """One ``DaskCluster`` in Kubernetes, there or not yet."""

    def __init__(self, api: Api, namespace: str, name: str) -> None:
        super().__init__(api, namespace, name, f"{CLUSTER}={name}", _ADVICE)

    def path(self, kind: str, name: str = "") -> str:
        """Of our custom resources."""
        return f"{CLUSTERS}/namespaces/{self.namespace}/{kind}" + (f"/{name}" if name else "")

    @property
    def group(self) -> str:
        """The path of its worker group."""
        return self.path("daskworkergroups", f"{self.name}-default")

    def find(self) -> dict[str, Any] | None:
        """The ``DaskCluster``, if there is one."""
        return self.api.find(self.path("daskclusters", self.name))

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
            self._await_group()
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
                if waited > LOOK_EVERY:
                    self._remind(path, waited)
                time.sleep(LOOK_EVERY)
        except ClusterApiError as error:
            if error.status != 404:
                left = f"kubectl delete daskcluster -n {self.namespace} {self.name}"
                logger.warning("DaskCluster %s could not be deleted: %s %s", self.name, error.message, left)

    def _await_group(self) -> None:
        """Let the operator finish what it has begun: a worker group that comes after its cluster stays."""
        deadline = time.monotonic() + _GROUP_WITHIN
        while time.monotonic() < deadline:
            cluster = self.find()
            if cluster is None or not cluster["metadata"].get("finalizers"):  # nobody has begun with it
                return
            group = self.api.find(self.group)
            if group is not None and group["metadata"].get("ownerReferences"):
                return
            time.sleep(LOOK_EVERY)

    def _remind(self, path: str, waited: float) -> None:
        """Let the operator look again, by a change: if it was asking whether the cluster idles, it waits a minute."""
        try:
            self.api.request("PATCH", path, {"metadata": {"annotations": {DELETED: f"{waited:.1f} s ago"}}})
        except ClusterApiError as error:
            if error.status not in (403, 404):
                raise


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

    await_pods(place, show, done, what="scheduler", workers=config.smallest, timeout=config.start_timeout)


def await_worker(place: Place, config: KubernetesConfig, show: Show, count: Callable[[], int]) -> None:
    """Wait until ``count`` gives a first worker, if there are to be any.

    Raises:
        ClusterConnectionError: there will be none, or is none in time; says why.
        ClusterClosedError: the backend was closed meanwhile.
    """
    wanted = config.smallest
    await_pods(
        *(place, show, lambda now: count() >= min(1, wanted)),
        what="first worker",
        workers=wanted,
        timeout=config.start_timeout,
    )
