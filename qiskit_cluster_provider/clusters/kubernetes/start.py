"""A ``DaskCluster`` in Kubernetes: it is created, awaited until its scheduler is ready, and deleted."""

from __future__ import annotations

import time
from typing import Any

from ...errors import ClusterApiError, ClusterConnectionError
from ...progress.log import logger
from .api import CLUSTERS, INSTALL, OPERATOR, Api
from .config import KubernetesConfig
from .deployed import Deployed
from .pods import CLUSTER, Advice, Seen
from .spec import DELETED, session_of
from .waiting import LOOK_EVERY, Show, await_pods

_OPERATOR_WITHIN = 30.0  # to begin with a cluster; it takes about one
_GONE_WITHIN = 15.0
_GROUP_WITHIN = 5.0
GOING = "Take another name, or try again when it is gone: kubectl get daskclusters"
"""What to do about a name whose cluster is being deleted."""
_ADVICE = Advice(
    less="Ask for less with cpu=, memory= or gpu=, for fewer workers, or for other nodes with node_selector=",
    image="image=",
    memory="memory= or scheduler_memory=",
)


class Place(Deployed):
    """One ``DaskCluster`` in Kubernetes, which may not exist yet."""

    def __init__(self, api: Api, namespace: str, name: str) -> None:
        super().__init__(api, namespace, name, f"{CLUSTER}={name}", _ADVICE)

    def path(self, kind: str, name: str = "") -> str:
        """The path of one of the operator's custom resources."""
        return f"{CLUSTERS}/namespaces/{self.namespace}/{kind}" + (f"/{name}" if name else "")

    @property
    def group(self) -> str:
        """The path of the worker group."""
        return self.path("daskworkergroups", f"{self.name}-default")

    def find(self) -> dict[str, Any] | None:
        """The ``DaskCluster``; ``None`` if it does not exist."""
        return self.api.find(self.path("daskclusters", self.name))

    def create(self, cluster: dict[str, Any]) -> None:
        """Ask Kubernetes for the cluster of a manifest.

        Raises:
            ClusterApiError: Kubernetes refuses.
        """
        self.api.request("POST", self.path("daskclusters"), cluster)

    def remove(self, session: str) -> bool:
        """Delete the cluster of ``session``, and wait until it is gone.

        Another cluster that has its name by now stays. The request is repeated if Kubernetes does not answer. A
        warning says if the cluster does not go.

        Returns:
            Whether the cluster is gone.
        """
        path = self.path("daskclusters", self.name)
        start = time.monotonic()
        while True:
            error, waited = None, time.monotonic() - start
            try:
                found = self.api.find(path)
                if found is None or session_of(found) != session:
                    return True
                if "deletionTimestamp" not in found["metadata"]:
                    self._await_group()
                    only = {"uid": found["metadata"]["uid"]}
                    self.api.request("DELETE", path, {"propagationPolicy": "Background", "preconditions": only})
                elif waited > LOOK_EVERY:
                    self._remind(path, waited)
            except ClusterApiError as refusal:
                if refusal.status not in (404, 409):  # gone since we looked, or another one by now
                    error = refusal
            if waited > _GONE_WITHIN or (error is not None and 0 < error.status < 500 and error.status != 429):
                self._warn_of_remains(error)
                return False
            time.sleep(LOOK_EVERY)

    def _warn_of_remains(self, error: ClusterApiError | None) -> None:
        if error is not None:
            left = f"kubectl delete daskcluster --wait=false -n {self.namespace} {self.name}"
            logger.warning("DaskCluster %s could not be deleted: %s; then: %s", self.name, error.reason.clause, left)
            return
        logger.warning(
            "DaskCluster %s is marked for deletion, and still there after %g s. If it is not gone in two "
            "minutes, the Dask operator does not run: kubectl get daskcluster -n %s %s",
            *(self.name, _GONE_WITHIN, self.namespace, self.name),
        )

    def _await_group(self) -> None:
        """Let the operator finish what it has begun.

        A worker group that it makes after its cluster is gone would stay.
        """
        deadline = time.monotonic() + _GROUP_WITHIN
        while time.monotonic() < deadline:
            cluster = self.find()
            if cluster is None or not cluster["metadata"].get("finalizers"):  # the operator has not begun with it
                return
            group = self.api.find(self.group)
            if group is not None and group["metadata"].get("ownerReferences"):
                return
            time.sleep(LOOK_EVERY)

    def _remind(self, path: str, waited: float) -> None:
        """Make the operator look again, by a change of the cluster.

        If the operator was asking whether the cluster is idle, it would otherwise wait for a minute.
        """
        try:
            self.api.request("PATCH", path, {"metadata": {"annotations": {DELETED: f"{waited:.1f} s ago"}}})
        except ClusterApiError as error:
            if error.status not in (403, 404):
                raise


def await_scheduler(place: Place, config: KubernetesConfig, show: Show) -> None:
    """Wait until the scheduler of a new cluster is ready.

    Raises:
        ClusterConnectionError: The scheduler cannot come, or did not come in time. The message says why.
        ClusterClosedError: The backend was closed meanwhile.
    """
    start = time.monotonic()

    def done(now: Seen) -> bool:
        if not now.scheduler and time.monotonic() - start > min(_OPERATOR_WITHIN, config.start_timeout):
            raise ClusterConnectionError(
                f"DaskCluster {place.name!r} was created, and the operator has not begun with it after "
                f"{time.monotonic() - start:.0f} s: dask-kubernetes' operator does not run, or does not "
                f"watch the namespace {place.namespace!r}.",
                hint=f"kubectl get pods -A -l {OPERATOR} (to install it: {INSTALL})",
            )
        return now.scheduler_ready

    await_pods(place, show, done, what="scheduler", workers=config.smallest, timeout=config.start_timeout)
