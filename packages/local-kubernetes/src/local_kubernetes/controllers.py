"""The controllers: garbage collection, ResourceQuotas, Deployments and ReplicaSets."""

from __future__ import annotations

import hashlib
import json
from functools import partial
from typing import Any

from .events import warn
from .objects import ApiError, Store, now
from .resources import DEPLOYMENTS, NAMESPACES, PODS, QUOTAS, REPLICA_SETS, Object, Resource
from .services import is_ready


class GarbageCollector:
    """Deletes what has lost all its owners, and what is in a namespace that is deleted."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def reconcile(self) -> None:
        """Look at all objects. What they own in turn is deleted the next time."""
        objects = self._store.everything()
        alive = {item["metadata"]["uid"] for _, item in objects}
        namespaces = [each["metadata"] for each in self._store.select(NAMESPACES)]
        closing = {meta["name"] for meta in namespaces if "deletionTimestamp" in meta}
        in_use = set()
        for resource, item in objects:
            meta = item["metadata"]
            namespace = meta.get("namespace", "")
            owners = meta.get("ownerReferences")
            orphaned = owners and not any(owner["uid"] in alive for owner in owners)
            if (orphaned or namespace in closing) and "deletionTimestamp" not in meta:
                self._store.delete(resource, namespace, meta["name"])
            if self._store.find(resource, namespace, meta["name"]):
                in_use.add(namespace)
        for name in closing - in_use:
            self._store.remove(NAMESPACES, self._store.get(NAMESPACES, "", name))


class Quotas:
    """Keeps the status of ResourceQuotas, which limit the number of pods and nothing else."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def reconcile(self) -> None:
        """Count the pods of each namespace that has a quota."""
        for quota in self._store.select(QUOTAS):
            meta, hard = quota["metadata"], quota["spec"]["hard"]
            used = {"pods": str(len(self._store.select(PODS, meta["namespace"])))} if "pods" in hard else {}
            status = {"hard": hard, "used": used}
            if quota.get("status") != status:
                change = partial(dict.update, status=status)
                self._store.edit(QUOTAS, meta["namespace"], meta["name"], change, "status")


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
