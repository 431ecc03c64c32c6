"""A Kubernetes API on the loopback address whose pods are local processes, for tests without a cluster.

dask-kubernetes, kr8s, the Dask operator (the real one, under kopf) and Dask's schedulers and workers run on it
unchanged. Pods have addresses in 127.0.0.0/8, Services too, and names of Services resolve in all Python processes.

It does less than a cluster. There are no images: a name of an image is known or not, and any container runs in this
Python's environment. There are no limits (cgroups), users, volumes, Secrets, network policies, init containers or
liveness probes, and no ``exec``, followed logs, taints or affinities; pods are scheduled by what they request and by
``nodeSelector`` alone. Everybody may do everything but what :meth:`LocalKubernetes.forbid` says, and an
:meth:`LocalKubernetes.account` may do what its rules say; Roles are not served. There is no server-side apply, a
strategic merge patch is taken for a merge patch, and a new template replaces all pods at once.
Owned objects are deleted in the background, whatever propagation is asked for. Back-offs are seconds, not minutes.
It needs Linux.

kmock's ``KubernetesEmulator`` (0.8) serves objects as well, but without selectors, uids, resource versions, garbage
collection, subresources, logins and websockets, and nothing in it runs pods; the Dask operator needs all of that.
"""

from __future__ import annotations

from .local import LocalKubernetes

__all__ = ["LocalKubernetes"]
