"""What becomes of a new object of a built-in kind before it is stored: it is checked, and defaults are filled in."""

from __future__ import annotations

from collections.abc import Iterator

from .network import Network
from .objects import ApiError, Store
from .resources import DEPLOYMENTS, NAMESPACES, PODS, QUOTAS, REPLICA_SETS, SERVICES, Object


class Admission:
    """Sets itself up as what the store asks about new objects."""

    def __init__(self, store: Store, network: Network) -> None:
        self._store = store
        self._network = network
        store.admit = {NAMESPACES: self._namespace, PODS: self._pod, SERVICES: self._service}
        store.admit |= {DEPLOYMENTS: self._replicated, REPLICA_SETS: self._replicated}

    def _namespace(self, item: Object) -> Iterator[str]:
        item["status"] = {"phase": "Active"}
        yield from ()

    def _pod(self, item: Object) -> Iterator[str]:
        containers = item.get("spec", {}).get("containers")
        if not containers:
            yield "spec.containers: Required value"
            return
        for index, container in enumerate(containers):
            yield from (
                f"spec.containers[{index}].{key}: Required value"
                for key in ("name", "image")
                if not container.get(key)
            )
        self._check_quota(item["metadata"])
        item["spec"] = {"restartPolicy": "Always", "terminationGracePeriodSeconds": 30, **item["spec"]}
        item["status"] = {"phase": "Pending"}

    def _check_quota(self, meta: Object) -> None:
        there = len(self._store.select(PODS, meta["namespace"]))
        for quota in self._store.select(QUOTAS, meta["namespace"]):
            limit = int(quota["spec"]["hard"].get("pods", there + 1))
            if there >= limit:
                words = f"exceeded quota: {quota['metadata']['name']}, requested: pods=1, used: pods={there}"
                text = f'pods "{meta["name"]}" is forbidden: {words}, limited: pods={limit}'
                raise ApiError(403, "Forbidden", text)

    def _replicated(self, item: Object) -> Iterator[str]:
        spec = item.get("spec", {})
        yield from (f"spec.{key}: Required value" for key in ("selector", "template") if not spec.get(key))
        item["spec"] = {"replicas": 1, **spec}
        item["status"] = {}

    def _service(self, item: Object) -> Iterator[str]:
        spec = item["spec"] = {"type": "ClusterIP", "sessionAffinity": "None", **item.get("spec", {})}
        if spec.get("clusterIP") != "None" and not spec.get("ports"):
            yield "spec.ports: Required value"
        spec.setdefault("clusterIP", self._network.service())
        spec["clusterIPs"] = [spec["clusterIP"]]
        spec["ports"] = [{"protocol": "TCP", "targetPort": port["port"], **port} for port in spec.get("ports", ())]
        item["status"] = {"loadBalancer": {}}
