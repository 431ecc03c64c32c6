"""What dask-kubernetes keeps to itself."""

from __future__ import annotations

from functools import partial

from .private import Symbol

TRIED = ("2026.3",)

_private = partial(
    Symbol, "dask-kubernetes", tried=TRIED, without="aer-k8s says which version to install when it connects."
)
DASK_CLUSTER = _private(
    "dask_kubernetes.operator._objects:DaskCluster", reason="to read the DaskCluster that is connected to"
)
CONNECT = _private(
    "dask_kubernetes.operator:KubeCluster._connect_cluster",
    reason="to connect without waiting for what is there already",
)
CLOSE = _private("dask_kubernetes.operator:KubeCluster._close", reason="to end port-forwards with the cluster object")
