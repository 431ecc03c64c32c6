"""Events: what ``kubectl describe`` shows below an object."""

from __future__ import annotations

from .objects import Store, now
from .resources import EVENTS, NAMESPACES, Object


def warn(store: Store, about: Object, reason: str, message: str, component: str = "kubelet") -> None:
    """Post a warning about an object, or count one more where it was posted before."""
    meta = about["metadata"]
    namespace = store.find(NAMESPACES, "", meta["namespace"])
    if namespace is None or "deletionTimestamp" in namespace["metadata"]:
        return
    reference = {key: meta[key] for key in ("name", "namespace", "uid")}
    reference |= {"apiVersion": about["apiVersion"], "kind": about["kind"]}
    for event in store.select(EVENTS, meta["namespace"]):
        if (event["involvedObject"], event.get("reason"), event.get("message")) == (reference, reason, message):
            store.edit(EVENTS, meta["namespace"], event["metadata"]["name"], _once_more)
            return
    event = {"metadata": {"generateName": f"{meta['name']}."}, "involvedObject": reference, "type": "Warning"}
    event |= {"reason": reason, "message": message, "source": {"component": component}}
    store.create(EVENTS, {**event, "count": 1, "firstTimestamp": now(), "lastTimestamp": now()}, meta["namespace"])


def _once_more(event: Object) -> Object:
    return {**event, "count": event.get("count", 1) + 1, "lastTimestamp": now()}
