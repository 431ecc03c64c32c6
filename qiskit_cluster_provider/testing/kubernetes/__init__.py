"""A Kubernetes API on the loopback address whose pods are local processes, for tests without a cluster.

dask-kubernetes, kr8s, the Dask operator (the real one, under kopf) and Dask's schedulers and workers run on it
unchanged. Pods have addresses in 127.0.0.0/8, Services too, and names of Services resolve in all Python processes.

It does less than a cluster. There are no images: a name of an image is known or not, and any container runs in this
Python's environment. There are no limits (cgroups), users, volumes, network policies, init containers, liveness
probes, ``exec``, taints or affinities; pods are scheduled by what they request and by ``nodeSelector`` alone. Everybody
may do everything but what :meth:`LocalKubernetes.forbid` says. A strategic merge patch is taken for a merge patch,
and a rolling update replaces all pods at once. Back-offs are seconds, not minutes. It needs Linux.

kmock's ``KubernetesEmulator`` (0.8) serves objects as well; it has no selectors, resource versions, garbage collection,
subresources, logins or websockets, and nothing that runs pods, all of which the Dask operator relies on.
"""

from __future__ import annotations

from .local import LocalKubernetes

__all__ = ["LocalKubernetes"]
