"""A Kubernetes API on the loopback address whose pods are local processes, for tests without a cluster.

dask-kubernetes, kr8s, the real Dask operator (under kopf), and Dask's schedulers and workers run on it unchanged.
Pods and Services have addresses in 127.0.0.0/8, and the names of Services resolve in the pods' Python processes.

It does less than a cluster. There are no images: the name of an image is known or not, and every container runs in
this Python's environment. There are no limits (cgroups), users, volumes, Secrets, network policies, init containers
or liveness probes, and no ``exec``, followed logs, taints or affinities. Pods are scheduled by what they request and
by ``nodeSelector`` alone. The user may do everything except what :meth:`LocalKubernetes.forbid` says, and an
:meth:`LocalKubernetes.account` may do what its rules say. Roles are not served. There is no server-side apply, a
strategic merge patch is applied as a merge patch, and a new template replaces all pods at once. Owned objects are
deleted in the background, whatever propagation is asked for. Back-offs take seconds, not minutes. It needs Linux.

kmock's ``KubernetesEmulator`` (0.8) serves objects as well, but without selectors, uids, resource versions, garbage
collection, subresources, logins and websockets, and nothing in it runs pods. The Dask operator needs all of that.
"""

from __future__ import annotations

from .local import LocalKubernetes

__all__ = ["LocalKubernetes"]
