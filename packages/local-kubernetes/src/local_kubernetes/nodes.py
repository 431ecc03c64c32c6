"""The scheduler: a pod goes to the first node that has what it requests and the labels that it selects."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping

from .events import warn
from .objects import Store, now
from .resources import NODES, PODS, Object
from .selectors import matches

_FACTORS = {"m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}


def quantity(text: str | float) -> float:
    """``500m`` or ``2Gi`` as a number."""
    for unit in sorted(_FACTORS, key=len, reverse=True):
        if isinstance(text, str) and text.endswith(unit):
            return float(text.removesuffix(unit)) * _FACTORS[unit]
    return float(text)


def requests(pod: Object) -> Counter[str]:
    """What a pod asks of a node. A limit without a request is a request."""
    total = Counter(pods=1000)  # in thousandths, which are exact
    for container in pod["spec"]["containers"]:
        resources = container.get("resources") or {}
        for name, amount in {**(resources.get("limits") or {}), **(resources.get("requests") or {})}.items():
            total[name] += math.ceil(1000 * quantity(amount))
    return total


def node(name: str, address: str, capacity: Mapping[str, str]) -> Object:
    """A node that has so much."""
    amounts = {"pods": "110", **capacity}
    status: Object = {"capacity": amounts, "allocatable": amounts}
    status |= {"conditions": [{"type": "Ready", "status": "True"}]}
    status |= {"addresses": [{"type": "InternalIP", "address": address}, {"type": "Hostname", "address": name}]}
    return {"metadata": {"name": name, "labels": {"kubernetes.io/hostname": name}}, "spec": {}, "status": status}


class Scheduler:
    """Binds pods to nodes."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def reconcile(self) -> None:
        """Find a node for each pod that has none."""
        pods = self._store.select(PODS)
        used: dict[str, Counter[str]] = {node["metadata"]["name"]: Counter() for node in self._store.select(NODES)}
        for pod in pods:
            if pod["spec"].get("nodeName") in used and pod["status"]["phase"] not in ("Succeeded", "Failed"):
                used[pod["spec"]["nodeName"]] += requests(pod)
        for pod in pods:
            if not pod["spec"].get("nodeName") and "deletionTimestamp" not in pod["metadata"]:
                self._place(pod, used)

    def _place(self, pod: Object, used: dict[str, Counter[str]]) -> None:
        wanted = requests(pod)
        reasons: Counter[str] = Counter()
        nodes = self._store.select(NODES)
        for node in nodes:
            name = node["metadata"]["name"]
            missing = _why_not(node, pod["spec"].get("nodeSelector") or {}, wanted, used[name])
            if not missing:
                used[name] += wanted
                self._bind(pod, name)
                return
            reasons.update(missing)
        words = ", ".join(f"{count} {reason}" for reason, count in sorted(reasons.items()))
        message = f"0/{len(nodes)} nodes are available: {words}."
        if self._condition(pod, "False", reason="Unschedulable", message=message):
            warn(self._store, pod, "FailedScheduling", message, "default-scheduler")

    def _bind(self, pod: Object, node: str) -> None:
        self._edit(pod, lambda item: item["spec"].update(nodeName=node))
        self._condition(pod, "True")

    def _condition(self, pod: Object, status: str, **why: str) -> bool:
        """Set the condition PodScheduled; whether that was news."""
        new = {"type": "PodScheduled", "status": status, **why}
        old: Object = next(
            (each for each in pod["status"].get("conditions", ()) if each["type"] == "PodScheduled"), {}
        )
        if {**old, **new} == old:
            return False
        conditions = [{**new, "lastTransitionTime": now()}]
        self._edit(pod, lambda item: item["status"].update(conditions=conditions), "status")
        return True

    def _edit(self, pod: Object, change: Callable[[Object], None], subresource: str = "") -> None:
        self._store.edit(PODS, pod["metadata"]["namespace"], pod["metadata"]["name"], change, subresource)


def _why_not(node: Object, selector: Mapping[str, str], wanted: Counter[str], used: Counter[str]) -> list[str]:
    if not matches(node["metadata"]["labels"], selector):
        return ["node(s) didn't match Pod's node affinity/selector"]
    capacity = node["status"]["allocatable"]
    return [
        "Too many pods" if name == "pods" else f"Insufficient {name}"
        for name, amount in wanted.items()
        if used[name] + amount > 1000 * quantity(capacity.get(name, 0))
    ]
