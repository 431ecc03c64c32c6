"""Another number of workers: asked for, looked after, and asked for again where the operator lost it.

The operator answers each change of ``replicas`` once. It may fail at it or not run at all, and when it takes workers
away it asks the scheduler which, who knows only those that run: it would end them and keep those that still wait for
a node (dask-kubernetes 2026.3). So workers that wait are taken away by us, before.
"""

from __future__ import annotations

import time
from typing import Any

from ...errors import ClusterApiError, ClusterConnectionError
from ..lifecycle.starting import check_wanted, stopping
from .api import OPERATOR
from .pods import COMPONENT, pending
from .start import Place

_LOOK_EVERY = 0.3  # seconds
_ASK_AGAIN = 10.0


def set_workers(cluster: Any, workers: int | tuple[int, int]) -> None:
    """Ask for ``workers``, or for the load to decide between two numbers."""
    cluster.between = workers if isinstance(workers, tuple) else None
    if isinstance(workers, tuple):
        cluster.adapt(minimum=workers[0], maximum=workers[1])
    else:
        cluster.scale(workers)


def scale(place: Place, cluster: Any, client: Any, workers: int, timeout: float) -> None:
    """Ask for ``workers``, and wait until they are there and no others are.

    Raises:
        ClusterConnectionError: they are not there in time; says why.
    """
    start = time.monotonic()
    _take_away_waiting(place, workers)
    set_workers(cluster, workers)
    asked = time.monotonic()
    while True:
        check_wanted()
        made, there = _made(place), len(client.nthreads())
        now = time.monotonic()
        if made == there == workers or timeout == 0:
            return
        if now - start > timeout:
            raise ClusterConnectionError(_late(place, workers, made, there, now - start))
        if made != workers and now - asked > _ASK_AGAIN:
            asked = now
            # The same number again would be no change, and the operator looks at changes.
            for number in (made, workers):
                place.api.request("PATCH", place.group, {"spec": {"worker": {"replicas": number}}})
        stopping().wait(_LOOK_EVERY)


def _take_away_waiting(place: Place, workers: int) -> None:
    """Delete Deployments whose pods wait, as far as there are too many."""
    deployments = _deployments(place)
    surplus = len(deployments) - workers
    if surplus <= 0:
        return
    waiting = {
        str(pod["metadata"]["name"]).rsplit("-", 2)[0]
        for pod in place.pods()
        if pod["metadata"].get("labels", {}).get(COMPONENT) == "worker" and pending(pod)
    }
    for name in [one["metadata"]["name"] for one in deployments if one["metadata"]["name"] in waiting][:surplus]:
        path = f"/apis/apps/v1/namespaces/{place.namespace}/deployments/{name}"
        try:
            place.api.request("DELETE", path, {"propagationPolicy": "Background"})
        except ClusterApiError as error:
            if error.status not in (403, 404):  # without the right it goes as the operator does it
                raise


def _made(place: Place) -> int:
    """Workers that Kubernetes was asked for: each has a Deployment; who may not see those sees its pod."""
    return len(_deployments(place)) or place.look().workers


def _deployments(place: Place) -> list[dict[str, Any]]:
    return [
        one
        for one in place.deployments()
        if one["metadata"].get("labels", {}).get(COMPONENT) == "worker" and "deletionTimestamp" not in one["metadata"]
    ]


def _late(place: Place, workers: int, made: int, there: int, waited: float) -> str:
    head = f"there are {there} of {workers} workers after {waited:.0f} s"
    if made != workers:
        return (
            f"{head}, and {made} were asked of Kubernetes: the Dask operator does not run? kubectl get pods -A -l "
            f"{OPERATOR}"
        )
    troubles = place.look().troubles
    return f"{head}: {place.explain(troubles[0])}" if troubles else f"{head}; they may still come."
