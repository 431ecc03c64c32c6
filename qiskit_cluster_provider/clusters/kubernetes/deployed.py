"""A Dask cluster that is deployed in Kubernetes, however it came there: its pods, and waiting for them."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from ...errors import ClusterApiError, ClusterConnectionError
from ...progress.log import logger
from ..lifecycle.starting import check_wanted, stopping
from .api import Api
from .pods import Advice, Seen, Trouble, out_of_memory, seen
from .showing import Show

LOOK_EVERY = 0.3  # seconds
_SILENT = 20.0  # seconds that a container runs and does not answer before somebody is told
_LINES = 12  # of a log, that are shown
_NO_LOG = "unable to retrieve container logs for "  # Kubernetes' text, with status 200, of a container that is gone


class Deployed:
    """The pods of one Dask cluster.

    Attributes:
        api: Kubernetes.
        namespace: where they are.
        name: of the cluster.
        selector: of the labels of its pods and Deployments.
        advice: what mends their troubles.
    """

    def __init__(self, api: Api, namespace: str, name: str, selector: str, advice: Advice) -> None:
        self.api = api
        self.namespace = namespace
        self.name = name
        self.selector = selector
        self.advice = advice

    @property
    def pods_shown_by(self) -> str:
        """The command that shows its pods."""
        quoted = f"'{self.selector}'" if " " in self.selector else self.selector
        return f"kubectl get pods -n {self.namespace} -l {quoted}"

    def look(self) -> Seen:
        """What its pods do now."""
        return seen(self.pods(), self.deployments(), self.advice)

    def pods(self) -> list[dict[str, Any]]:
        """Those of the scheduler and the workers."""
        return self.api.items(f"/api/v1/namespaces/{self.namespace}/pods", labelSelector=self.selector)

    def deployments(self) -> list[dict[str, Any]]:
        """Those of the scheduler and the workers; none if one may not see them."""
        path = f"/apis/apps/v1/namespaces/{self.namespace}/deployments"
        try:
            return self.api.items(path, labelSelector=self.selector)
        except ClusterApiError as error:
            if error.status == 403:  # they tell more, and are not needed
                return []
            raise

    def explain(self, trouble: Trouble) -> str:
        """A trouble as the user reads it, with the last lines of the container's log."""
        said = f"{trouble.text}. {trouble.mend}"
        if trouble.pod:
            lines = self._last_lines(trouble)
            said += f":\n{lines}" if lines else f": kubectl logs -n {self.namespace} {trouble.pod} --previous"
        return said

    def no_workers(self, asked_by: str) -> str:
        """Why a scheduler has none, as far as Kubernetes tells: how a sentence goes on.

        Args:
            asked_by: what to do where none was asked for.
        """
        now = self.look()
        if now.troubles:
            return now.troubles[0].text
        if now.workers:
            return f"{now.workers} pods of workers are there, and {now.running} of them are ready"
        return f"no pod of one is there: {asked_by}"

    def deaths(self) -> str:
        """Which workers ran out of memory, as a sentence without its full stop; empty if none did."""
        return "; ".join(out_of_memory(self.pods(), self.advice))

    def _last_lines(self, trouble: Trouble) -> str:
        for previous in (True, False):
            try:
                text = self.api.log(self.namespace, trouble.pod, trouble.container, previous, _LINES)
            except ClusterApiError:
                continue
            if text.strip() and not text.startswith(_NO_LOG):
                return text.rstrip()
        return ""


def await_pods(
    place: Deployed, show: Show, done: Callable[[Seen], bool], *, what: str, workers: int, timeout: float
) -> None:
    """Look at the pods until it is ``done``.

    Args:
        place: whose pods.
        show: takes a line that says how far it is.
        done: whether what is awaited is there.
        what: that is, for the error.
        workers: that there are to be, for the line.
        timeout: seconds, the setting ``start_timeout``.

    Raises:
        ClusterConnectionError: it will not be there, or is not in time; says why.
        ClusterClosedError: the backend was closed meanwhile.
    """
    start = time.monotonic()
    up_since: dict[str, float] = {}
    told = False
    while True:
        check_wanted()
        now = place.look()
        if done(now):
            return
        waited = time.monotonic() - start
        # Of many workers some may be in trouble while others come; of the scheduler there is one.
        hopeless = [one for one in now.troubles if one.final and (one.of_scheduler or not now.running)]
        if hopeless:
            raise ClusterConnectionError(place.explain(hopeless[0]))
        silent = [one for one in now.up if one.of_scheduler == (what == "scheduler")]
        up_since = {one.pod: up_since.get(one.pod, waited) for one in silent}
        silent = [one for one in silent if waited - up_since[one.pod] > min(_SILENT, timeout / 2)]
        if silent and not now.troubles and not told:
            told = True
            logger.warning("%s", place.explain(silent[0]))
        if waited > timeout:
            known = [*now.troubles, *silent]
            why = place.explain(known[0]) if known else place.pods_shown_by
            raise ClusterConnectionError(
                f"there is no {what} after {waited:.0f} s (start_timeout={timeout:g}): {why}"
            )
        trouble = f"; {now.troubles[0].text}" if now.troubles else ""
        show(
            f"{place.name} in {place.namespace}: scheduler {now.scheduler or 'not there'}, "
            f"{now.running} of {workers} workers{trouble}"
        )
        stopping().wait(LOOK_EVERY)
