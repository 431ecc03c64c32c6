"""A release of the Helm chart ``dask``: the Service of its scheduler, its pods, the Deployment of its workers.

The chart (2024.1.1, and every one since 2018) labels what it makes with ``app``, ``release`` and ``component``. Helm
itself notes the release on each object.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ...errors import ClusterApiError, ClusterConfigError, ClusterConnectionError
from ...outcomes import Reason
from ..kubernetes.api import Api
from ..kubernetes.deployed import Deployed
from ..kubernetes.pods import Advice, component

RIGHTS_FILE = "deploy/helm-access.yaml"
_NOTE = "meta.helm.sh/release-name"
_RELEASE = ("release", "app.kubernetes.io/instance")
_COMPONENT = ("component", "app.kubernetes.io/component")
_COMM, _DASHBOARD = 8786, 8787  # of the scheduler's pod; those of the Service can be set
_ADVICE = Advice(
    less="Ask for less in worker.resources and scheduler.resources of the release's values, for fewer workers, or "
    "for other nodes with nodeSelector",
    image="worker.image and scheduler.image of the release's values",
    memory="worker.resources or scheduler.resources of the release's values",
)


class Release(Deployed):
    """One release with a scheduler.

    Args:
        api: The API server.
        service: The Service of the scheduler.

    Attributes:
        service: The name of the Service.
        comm: The port of the Service for clients, and the port of the pod.
        dashboard: The same for Dask's dashboard; ``None`` if the Service has no port for it.
    """

    def __init__(self, api: Api, service: Mapping[str, Any]) -> None:
        self._service = service
        labels = service["spec"]["selector"]
        key = next(key for key in _COMPONENT if key in labels)
        same = [f"{name}={value}" for name, value in labels.items() if name != key]
        selector = ",".join([*same, f"{key} in (scheduler,worker)"])
        meta = service["metadata"]
        super().__init__(api, meta["namespace"], release_of(service), selector, _ADVICE)
        self.service = str(meta["name"])
        self.comm = (_ports(service)[_COMM], _COMM)
        self.dashboard = (_ports(service)[_DASHBOARD], _DASHBOARD) if _DASHBOARD in _ports(service) else None

    def through(self, api: Api) -> Release:
        """The same release with another login."""
        return Release(api, self._service)

    def check(self) -> None:
        """Refuse a release that would never work.

        Raises:
            ClusterConnectionError: It does not run exactly one scheduler.
        """
        for deployment in self.deployments():
            count = deployment["spec"].get("replicas", 1)
            if component(deployment) == "scheduler" and count != 1:
                raise ClusterConnectionError(
                    f"the release {self.name!r} is to run {count} schedulers, and its workers and clients "
                    "must meet in one.",
                    hint=self.upgrade("scheduler.replicas", 1),
                )

    def wanted(self) -> int:
        """The number of workers that Kubernetes was asked for."""
        groups = self.worker_groups()
        return sum(map(_replicas, groups)) if groups else len(self.worker_pods())

    def ask_for(self, workers: int) -> None:
        """Ask Kubernetes for ``workers`` pods of workers in all.

        This changes the number of the chart's own Deployment. The chart's ``additional_worker_groups`` stay as they
        are.

        Raises:
            ClusterConfigError: The other groups have more workers.
            ClusterApiError: Kubernetes refuses.
        """
        groups = self.worker_groups()
        name = f"{self.service.removesuffix('-scheduler')}-worker"
        if len(groups) == 1:
            name = groups[0]["metadata"]["name"]
        others = [group for group in groups if group["metadata"]["name"] != name]
        fixed = sum(map(_replicas, others))
        if workers < fixed:
            names = ", ".join(group["metadata"]["name"] for group in others)
            raise ClusterConfigError(
                f"workers={workers}: the release {self.name!r} has {fixed} in other groups ({names}), "
                "which are not scaled from here.",
                hint=f"kubectl scale -n {self.namespace} --replicas=0 deployment/{names.split(',')[0]}",
            )
        path = f"/apis/apps/v1/namespaces/{self.namespace}/deployments/{name}/scale"
        try:
            self.api.request("PATCH", path, {"spec": {"replicas": workers - fixed}})
        except ClusterApiError as error:
            if error.status == 403:
                does = self.upgrade("worker.replicas", workers - fixed)
                raise ClusterApiError(
                    error.reason.message, 403, hint=f"{error.hint}; or let them scale the release: {does}"
                ) from error
            if error.status == 404:
                raise ClusterApiError(
                    f"the release {self.name!r} has no Deployment {name!r} of workers.",
                    404,
                    hint=f"kubectl get deployments -n {self.namespace} -l {self.selector!r}",
                ) from error
            raise

    def upgrade(self, key: str, value: int) -> str:
        """The command that sets a value of the release."""
        return f"helm upgrade {self.name} dask/dask -n {self.namespace} --reuse-values --set {key}={value}"


def find(api: Api, namespace: str, name: str | None) -> Release:
    """The release ``name``, or the only one.

    Raises:
        ClusterConnectionError: There is no such release, or it does not have exactly one scheduler. The message names
            the releases that exist.
        ClusterApiError: Kubernetes does not answer, or refuses.
    """
    services = api.items(f"/api/v1/namespaces/{namespace}/services")
    schedulers = [service for service in services if _is_scheduler(service)]
    there = sorted({release_of(service) for service in schedulers})
    if name is None and len(there) > 1:
        raise ClusterConnectionError(
            f"there are several releases in the namespace {namespace!r}: {', '.join(there)}.",
            hint="Give one with release=",
        )
    name = name or "".join(there)
    found = [service for service in schedulers if release_of(service) == name]
    if not found:
        raise ClusterConnectionError.because(_none(api, namespace, name, there, services))
    if len(found) > 1:
        names = ", ".join(sorted(service["metadata"]["name"] for service in found))
        raise ClusterConnectionError(
            f"the release {name!r} has several schedulers: {names}.",
            hint=(
                f"Use the one that you mean with aer-dask: kubectl port-forward -n {namespace} "
                f"service/{found[0]['metadata']['name']} {_COMM}"
            ),
        )
    return Release(api, found[0])


def release_of(thing: Mapping[str, Any]) -> str:
    """The release that an object belongs to; empty if it belongs to none."""
    meta = thing["metadata"]
    labels = meta.get("labels") or {}
    noted = (meta.get("annotations") or {}).get(_NOTE)
    return str(noted or next((labels[key] for key in _RELEASE if key in labels), ""))


def _is_scheduler(service: Mapping[str, Any]) -> bool:
    """Whether a Dask scheduler is behind a Service. Other charts have Services of this name too, as Airflow's."""
    labels = service["spec"].get("selector") or {}
    named = any(labels.get(key) == "scheduler" for key in _COMPONENT)
    return named and _COMM in _ports(service) and release_of(service) != ""


def _ports(service: Mapping[str, Any]) -> dict[Any, int]:
    """Port of the pods -> port of the Service."""
    return {port.get("targetPort", port["port"]): port["port"] for port in service["spec"].get("ports") or []}


def _replicas(deployment: Mapping[str, Any]) -> int:
    return int(deployment["spec"].get("replicas", 1))


def _none(api: Api, namespace: str, name: str, there: Iterable[str], services: Iterable[Mapping[str, Any]]) -> Reason:
    """The message that a release does not exist, and where one of this name does."""
    if not name:
        said = f"there is no release of the chart dask in the namespace {namespace!r}"
        install = f"helm install my-dask dask/dask -n {namespace} --values deploy/helm-values.yaml"
        return Reason(f"{said}.", f"Give namespace=, or {install}")
    if any(release_of(service) == name for service in services):
        return Reason(
            f"the release {name!r} in the namespace {namespace!r} has no Service of a Dask scheduler.",
            f"Is it one of the chart dask, with scheduler.enabled? helm get manifest -n {namespace} {name}",
        )
    said = f"there is no release {name!r} of the chart dask in the namespace {namespace!r}"
    try:
        elsewhere = [one for one in api.items("/api/v1/services") if _is_scheduler(one) and release_of(one) == name]
    except ClusterApiError:  # most users may see their own namespace only
        elsewhere = []
    if elsewhere:
        where = sorted(one["metadata"]["namespace"] for one in elsewhere)
        return Reason(f"{said}; there is one in {', '.join(where)}.", f"Give namespace={where[0]!r}")
    return Reason(f"{said}; there: {', '.join(there) or 'none'}.", "helm list --all-namespaces")
