"""A Dask cluster that is deployed in Kubernetes, by whatever means: what its pods do, and why."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ...errors import ClusterApiError
from ...outcomes import Reason
from .api import Api
from .pods import Advice, Seen, Trouble, component, out_of_memory, seen

_LINES = 12  # of a log, that are shown
_NO_LOG = "unable to retrieve container logs for "  # Kubernetes' text, with status 200, of a container that is gone


class Deployed:
    """The pods of one Dask cluster.

    Attributes:
        api: The API server.
        namespace: The namespace of the pods.
        name: The name of the cluster.
        selector: The label selector of its pods and Deployments.
        advice: What mends troubles of the pods.
    """

    def __init__(self, api: Api, namespace: str, name: str, selector: str, advice: Advice) -> None:
        self.api = api
        self.namespace = namespace
        self.name = name
        self.selector = selector
        self.advice = advice

    @property
    def pods_shown_by(self) -> str:
        """The command that shows the pods."""
        quoted = f"'{self.selector}'" if " " in self.selector else self.selector
        return f"kubectl get pods -n {self.namespace} -l {quoted}"

    def look(self) -> Seen:
        """What the pods do now."""
        return seen(self.pods(), self.deployments(), self.advice)

    def pods(self) -> list[dict[str, Any]]:
        """The pods of the scheduler and of the workers."""
        return self.api.items(f"/api/v1/namespaces/{self.namespace}/pods", labelSelector=self.selector)

    def deployments(self) -> list[dict[str, Any]]:
        """The Deployments of the scheduler and of the workers; none if the user may not see them."""
        path = f"/apis/apps/v1/namespaces/{self.namespace}/deployments"
        try:
            return self.api.items(path, labelSelector=self.selector)
        except ClusterApiError as error:
            if error.status == 403:  # they tell more, and are not needed
                return []
            raise

    def worker_pods(self) -> list[dict[str, Any]]:
        """The pods of workers, without those that are being deleted."""
        return _workers(self.pods())

    def worker_groups(self) -> list[dict[str, Any]]:
        """The Deployments of workers, without those that are being deleted."""
        return _workers(self.deployments())

    def explain(self, trouble: Trouble) -> Reason:
        """A trouble as a user reads it, with the last lines of the container's log."""
        reason = Reason(f"{trouble.text}.", trouble.mend)
        if not trouble.pod:
            return reason
        if lines := self._last_lines(trouble):
            return replace(reason, hint=f"{trouble.mend}:", detail=lines)
        return replace(reason, hint=f"{trouble.mend}: kubectl logs -n {self.namespace} {trouble.pod} --previous")

    def no_workers(self, asked_by: str) -> str:
        """Why the scheduler has no workers, as far as Kubernetes tells: the end of a sentence.

        Args:
            asked_by: How to ask for workers, for the case that nobody did.
        """
        now = self.look()
        if now.troubles:
            return now.troubles[0].text
        if now.workers:
            return f"{now.workers} pods of workers are there, and {now.running} of them are ready"
        return f"no pod of one is there: {asked_by}"

    def late(self, head: str) -> Reason:
        """The message of an error about workers that did not come: ``head``, and the reason if it is known."""
        troubles = self.look().troubles
        if troubles:
            return self.explain(troubles[0]).within(f"{head}: ")
        return Reason(head, f"they may still come. {self.pods_shown_by}")

    def deaths(self) -> str:
        """Which workers ran out of memory: a sentence without its full stop; empty if none did."""
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


def _workers(things: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [one for one in things if component(one) == "worker" and "deletionTimestamp" not in one["metadata"]]
