"""The rights that a user needs in a namespace, as data.

``qiskit-cluster doctor`` asks Kubernetes for each of these rights. ``deploy/rbac.yaml`` and
``deploy/helm-access.yaml`` grant exactly them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

PORT_FORWARD = "pods/portforward"
"""Opened as a websocket. Kubernetes asks for ``get``, and from 1.35 on for ``create`` too."""
_DASK = "kubernetes.dask.org"


@dataclass(frozen=True)
class Right:
    """Verbs on a resource, in the namespace of the cluster.

    Attributes:
        group: The group of the API; empty for the core group.
        resource: The resource in the plural, with its subresource: ``pods/log``.
        verbs: The verbs. All of them are needed for ``why``.
        why: What the right is for, as the rest of a sentence that begins with "It is needed to".
        needed: Whether a cluster is impossible without the right. If not, only ``why`` is.
    """

    group: str
    resource: str
    verbs: tuple[str, ...]
    why: str
    needed: bool = True

    def __str__(self) -> str:
        """For example ``get, list pods`` or ``patch deployments.apps/scale``."""
        name, slash, subresource = self.resource.partition("/")
        return f"{', '.join(self.verbs)} {name}{self.group and '.'}{self.group}{slash}{subresource}"


RIGHTS = (
    Right(_DASK, "daskclusters", ("get", "list", "create", "delete"), "start, find and end a cluster"),
    Right(_DASK, "daskworkergroups", ("get", "list", "patch"), "scale a cluster"),
    Right(_DASK, "daskautoscalers", ("create", "patch", "delete"), "begin and end scaling with the load"),
    Right("", "services", ("list",), "find the scheduler"),
    Right("", "pods", ("get", "list"), "find the pods and see whether they run"),
    Right("", PORT_FORWARD, ("get", "create"), "reach the scheduler from outside of Kubernetes"),
    Right("apps", "deployments", ("list",), "count the workers, and see why Kubernetes makes no pods"),
    Right(_DASK, "daskclusters", ("patch",), "end a cluster in a second, else up to a minute", needed=False),
    Right("apps", "deployments", ("delete",), "end waiting workers before working ones", needed=False),
    Right("", "pods/log", ("get",), "say why a pod ends, and show logs", needed=False),
    Right("", "resourcequotas", ("list",), "say whether a quota leaves room", needed=False),
)
"""For ``aer-k8s``: what it asks of Kubernetes, and nothing else."""

HELM_RIGHTS = (
    Right("", "services", ("get", "list"), "find the scheduler"),
    Right("", "pods", ("get", "list"), "find the pods and see whether they run"),
    Right("", PORT_FORWARD, ("get", "create"), "reach the scheduler from outside of Kubernetes"),
    Right("apps", "deployments", ("get", "list"), "find the workers", needed=False),
    Right("apps", "deployments/scale", ("patch",), "change the number of workers", needed=False),
    Right("", "pods/log", ("get",), "show logs", needed=False),
)
"""For ``aer-helm``."""


def of_use(rights: Sequence[Right], outside: bool) -> list[Right]:
    """Those of ``rights`` that a process needs. One that is ``outside`` of Kubernetes needs to forward ports."""
    return [right for right in rights if outside or right.resource != PORT_FORWARD]
