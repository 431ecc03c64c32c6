"""The controllers of Deployments and ReplicaSets: as many pods as were asked for."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from .events import warn
from .objects import ApiError, Store, now
from .resources import DEPLOYMENTS, PODS, REPLICA_SETS, Object, Resource
from .services import is_ready


class Deployments:
    """Deployment -> ReplicaSet -> pods. A changed template replaces all pods at once."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def reconcile(self) -> None:
        """Create and delete what is missing and what is too much."""
        for deployment in self._store.select(DEPLOYMENTS):
            if "deletionTimestamp" not in deployment["metadata"]:
                self._deploy(deployment)
        for replica_set in self._store.select(REPLICA_SETS):
            if "deletionTimestamp" not in replica_set["metadata"]:
                self._replicate(replica_set)

    def _deploy(self, deployment: Object) -> None:
        meta, spec = deployment["metadata"], deployment["spec"]
        digest = hashlib.sha256(json.dumps(spec["template"], sort_keys=True).encode()).hexdigest()[:10]
        name = f"{meta['name']}-{digest}"
        for owned in self._owned(REPLICA_SETS, deployment):
            wanted = spec["replicas"] if owned["metadata"]["name"] == name else 0
            if owned["spec"]["replicas"] != wanted:
                self._edit(REPLICA_SETS, owned, lambda item, wanted=wanted: item["spec"].update(replicas=wanted))
        current = self._store.find(REPLICA_SETS, meta["namespace"], name)
        if current is None:
            template = spec["template"]
            labels = {**template.get("metadata", {}).get("labels", {}), "pod-template-hash": digest}
            template = {**template, "metadata": {**template.get("metadata", {}), "labels": labels}}
            body = {
                "metadata": {"name": name, "labels": labels, "ownerReferences": [_owner(deployment)]},
                "spec": {"replicas": spec["replicas"], "selector": {"matchLabels": labels}, "template": template},
            }
            current = self._store.create(REPLICA_SETS, body, meta["namespace"])
        enough = current["status"].get("readyReplicas", 0) >= spec["replicas"]
        available = {"type": "Available", "status": "True" if enough else "False"}
        failures = [each for each in current["status"].get("conditions", ()) if each["type"] == "ReplicaFailure"]
        status = {key: value for key, value in current["status"].items() if key != "conditions"}
        status |= {"observedGeneration": meta["generation"], "conditions": [available, *failures]}
        self._edit(DEPLOYMENTS, deployment, lambda item: item.update(status=status), "status")

    def _replicate(self, replica_set: Object) -> None:
        meta, spec = replica_set["metadata"], replica_set["spec"]
        pods = [pod for pod in self._owned(PODS, replica_set) if "deletionTimestamp" not in pod["metadata"]]
        pods = [pod for pod in pods if pod["status"]["phase"] not in ("Succeeded", "Failed")]
        template = spec["template"]
        head = {key: template.get("metadata", {}).get(key, {}) for key in ("labels", "annotations")}
        head |= {"generateName": f"{meta['name']}-", "ownerReferences": [_owner(replica_set)]}
        failure = None
        for _ in range(spec["replicas"] - len(pods)):
            try:
                pods.append(self._store.create(PODS, {"metadata": head, "spec": template["spec"]}, meta["namespace"]))
            except ApiError as error:
                failure = str(error)
                break
        for pod in sorted(pods, key=is_ready)[: max(0, len(pods) - spec["replicas"])]:
            self._store.delete(PODS, meta["namespace"], pod["metadata"]["name"])
            pods.remove(pod)
        ready = sum(is_ready(pod) for pod in pods)
        status: Object = {"replicas": len(pods), "readyReplicas": ready, "availableReplicas": ready}
        status |= {"observedGeneration": meta["generation"]}
        if failure:
            before = next(iter(replica_set["status"].get("conditions", ())), None)
            known = before and _nameless(before["message"]) == _nameless(failure)
            fresh = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": failure}
            status["conditions"] = [before if known else {**fresh, "lastTransitionTime": now()}]
            if not known:
                warn(self._store, replica_set, "FailedCreate", f"Error creating: {failure}", "replicaset-controller")
        self._edit(REPLICA_SETS, replica_set, lambda item: item.update(status=status), "status")

    def _owned(self, resource: Resource, owner: Object) -> list[Object]:
        uid = owner["metadata"]["uid"]
        found = self._store.select(resource, owner["metadata"]["namespace"])
        return [item for item in found if uid in (ref["uid"] for ref in item["metadata"].get("ownerReferences", ()))]

    def _edit(self, resource: Resource, item: Object, change: Any, subresource: str = "") -> None:
        self._store.edit(resource, item["metadata"]["namespace"], item["metadata"]["name"], change, subresource)


def _owner(item: Object) -> Object:
    meta = item["metadata"]
    head = {"apiVersion": item["apiVersion"], "kind": item["kind"], "name": meta["name"], "uid": meta["uid"]}
    return {**head, "controller": True, "blockOwnerDeletion": True}


def _nameless(message: str) -> str:
    """A quota's words without the pod's generated name, which is another one each time."""
    return message.partition(" is forbidden")[2]
