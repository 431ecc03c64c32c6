"""Changing the number of workers of a ``DaskCluster``, and asking again where the operator has lost the request.

The operator answers each change of ``replicas`` once. It may fail, or not run at all. When it takes workers away, it
asks the scheduler for their names, and the scheduler knows only those that run. So it would end workers that run and
keep those that still wait for a node (dask-kubernetes 2026.3). This module deletes the waiting ones before.
"""

from __future__ import annotations

from typing import Any

from ...errors import ClusterApiError
from ...outcomes import Reason
from ..scaling import await_workers
from .api import OPERATOR
from .pods import pending
from .start import Place
from .waiting import LOOK_EVERY


def set_workers(cluster: Any, workers: int | tuple[int, int]) -> None:
    """Ask for ``workers``, or for the load to decide between two numbers."""
    cluster.between = workers if isinstance(workers, tuple) else None
    if isinstance(workers, tuple):
        cluster.adapt(minimum=workers[0], maximum=workers[1])
    else:
        cluster.scale(workers)


def scale(place: Place, cluster: Any, client: Any, workers: int, timeout: float) -> None:
    """Ask for ``workers``, and wait until they, and no others, are there.

    Raises:
        ClusterConnectionError: They are not there in time. The message says why.
        ClusterClosedError: The backend was closed meanwhile.
    """
    _take_away_waiting(place, workers)
    set_workers(cluster, workers)

    def done() -> bool:
        return _made(place) == len(client.nthreads()) == workers

    def again() -> None:
        if (made := _made(place)) != workers:
            # The same number again would be no change, and the operator looks at changes.
            for number in (made, workers):
                place.api.request("PATCH", place.group, {"spec": {"worker": {"replicas": number}}})

    def late(waited: float) -> Reason:
        made = _made(place)
        head = f"there are {len(client.nthreads())} of {workers} workers after {waited:.0f} s"
        if made != workers:
            return Reason(
                f"{head}, and {made} were asked of Kubernetes:",
                hint=f"the Dask operator does not run? kubectl get pods -A -l {OPERATOR}",
            )
        return place.late(head)

    await_workers(done, timeout, late, again=again, every=LOOK_EVERY)


def _take_away_waiting(place: Place, workers: int) -> None:
    """Delete surplus Deployments whose pods wait for a node."""
    groups = [one["metadata"]["name"] for one in place.worker_groups()]
    surplus = len(groups) - workers
    if surplus <= 0:
        return
    waiting = {str(pod["metadata"]["name"]).rsplit("-", 2)[0] for pod in place.worker_pods() if pending(pod)}
    for name in [one for one in groups if one in waiting][:surplus]:
        path = f"/apis/apps/v1/namespaces/{place.namespace}/deployments/{name}"
        try:
            place.api.request("DELETE", path, {"propagationPolicy": "Background"})
        except ClusterApiError as error:
            if error.status not in (403, 404):  # without the right it goes as the operator does it
                raise


def _made(place: Place) -> int:
    """The number of workers that Kubernetes was asked for.

    Each worker has a Deployment. For a user who may not see Deployments, pods are counted.
    """
    return len(place.worker_groups()) or place.look().workers
