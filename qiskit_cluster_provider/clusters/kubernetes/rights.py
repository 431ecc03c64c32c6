"""What a user must be allowed to do in a namespace, as data.

``qiskit-cluster doctor`` asks Kubernetes for each of these rights. ``deploy/rbac.yaml`` and
``deploy/helm-access.yaml`` grant exactly them.
"""

from __future__ import annotations

from dataclasses import dataclass

_DASK = "kubernetes.dask.org"


@dataclass(frozen=True)
class Right:
    """Verbs on a resource, in the namespace of the cluster.

    Attributes:
        group: of the API; the core group is ``""``.
        resource: in the plural, with its subresource: ``pods/log``.
        verbs: all of them are needed for ``why``.
        why: what they are for, to follow "is needed to".
        needed: whether there is no cluster without it. Without another one, only ``why`` is missing.
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
    Right(
        _DASK,
        "daskautoscalers",
        ("get", "list", "create", "patch", "delete"),
        "scale with the load: workers=(min, max), adapt()",
    ),
    Right("", "services", ("get", "list"), "find the scheduler"),
    Right("", "pods", ("get", "list"), "find the pods and see whether they run"),
    Right("", "pods/portforward", ("get",), "reach the scheduler from outside of Kubernetes"),
    Right("", "pods/log", ("get",), "say why a pod ends, with its last words, and for get_logs()", needed=False),
    Right(
        "apps",
        "deployments",
        ("get", "list", "delete"),
        "end workers that wait for a place before workers that work, when scaling down",
        needed=False,
    ),
)
"""For ``aer-k8s``."""

HELM_RIGHTS = (
    Right("", "services", ("get", "list"), "find the scheduler"),
    Right("", "pods", ("get", "list"), "find the pods and see whether they run"),
    Right("", "pods/portforward", ("get",), "reach the scheduler from outside of Kubernetes"),
    Right("", "pods/log", ("get",), "say why a pod ends, with its last words, and for get_logs()", needed=False),
    Right("apps", "deployments", ("get", "list"), "find the workers' deployment, for scale()", needed=False),
    Right("apps", "deployments/scale", ("patch",), "change the number of workers: scale()", needed=False),
)
"""For ``aer-helm``."""
