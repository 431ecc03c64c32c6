"""The objects of the cluster, and all that has happened to them: what etcd and the API server's core are.

An object that was stored is never changed in place, so what is read needs no copy and history is exact.
"""

from __future__ import annotations

import asyncio
import copy
import random
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

from .resources import BUILT_IN, DEFINITIONS, EVENTS, NAMESPACES, Object, Resource, conform, custom_resources
from .selectors import Predicate

_OWNED_BY_SERVER = (
    "name",
    "namespace",
    "uid",
    "creationTimestamp",
    "deletionTimestamp",
    "generation",
    "resourceVersion",
)


class ApiError(Exception):
    """An answer that is not a success, as a Kubernetes ``Status``."""

    def __init__(self, code: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.status: Object = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure"}
        self.status |= {"message": message, "reason": reason, "code": code}


class Change(NamedTuple):
    """One step of history."""

    resource: Resource
    old: Object | None
    new: Object | None


def now() -> str:
    """The time as Kubernetes writes it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def suffix(length: int = 5) -> str:
    """The end of a generated name."""
    return "".join(random.choices("bcdfghjklmnpqrstvwxz2456789", k=length))


class Store:
    """All objects. For one event loop; ``admit`` holds what a kind does with a new object before it is stored."""

    def __init__(self) -> None:
        self.history: list[Change] = []
        self.admit: dict[Resource, Callable[[Object], None]] = {}
        self.resources: dict[tuple[str, str], Resource] = {(each.group, each.plural): each for each in BUILT_IN}
        self._objects: dict[Resource, dict[tuple[str, str], Object]] = defaultdict(dict)
        self._news = asyncio.Event()

    @property
    def revision(self) -> int:
        """The ``resourceVersion`` of the newest change."""
        return len(self.history)

    def news(self) -> asyncio.Event:
        """Is set by the next change."""
        return self._news

    def select(self, resource: Resource, namespace: str = "", selected: Predicate | None = None) -> list[Object]:
        """The objects of a namespace, or of all."""
        found = (item for (where, _), item in self._objects[resource].items() if namespace in ("", where))
        return [item for item in found if selected is None or selected(item)]

    def everything(self) -> Iterator[tuple[Resource, Object]]:
        """All objects, which may be deleted on the way."""
        for resource, items in list(self._objects.items()):
            yield from ((resource, item) for item in list(items.values()))

    def find(self, resource: Resource, namespace: str, name: str) -> Object | None:
        """An object, or None."""
        return self._objects[resource].get((namespace, name))

    def get(self, resource: Resource, namespace: str, name: str) -> Object:
        """An object, or 404."""
        found = self.find(resource, namespace, name)
        if found is None:
            raise ApiError(404, "NotFound", f'{resource.full_name} "{name}" not found')
        return found

    def create(self, resource: Resource, body: Object, namespace: str = "") -> Object:
        """Store a new object."""
        item = copy.deepcopy(body)
        item |= {"apiVersion": resource.api_version, "kind": resource.kind}
        meta = item.setdefault("metadata", {})
        prefix = meta.get("generateName")
        name = meta.get("name") or (prefix and prefix + suffix())
        if not name:
            raise self._invalid(resource, "", ["metadata.name: Required value: name or generateName is required"])
        if resource.namespaced:
            self._check_namespace(resource, namespace, name)
            meta["namespace"] = namespace
        if self.find(resource, namespace, name):
            raise ApiError(409, "AlreadyExists", f'{resource.full_name} "{name}" already exists')
        meta |= {"name": name, "uid": str(uuid.uuid4()), "creationTimestamp": now(), "generation": 1}
        if resource is NAMESPACES:
            item["status"] = {"phase": "Active"}
        elif resource.schema is not None and "status" in resource.subresources:
            item.pop("status", None)
        self._check(resource, item)
        if resource in self.admit:
            self.admit[resource](item)
        return self._write(resource, None, item)

    def edit(
        self, resource: Resource, namespace: str, name: str, change: Callable[[Object], Any], subresource: str = ""
    ) -> Object:
        """Store what ``change`` makes of a copy of the object; it changes the copy or returns another."""
        old = self.get(resource, namespace, name)
        new = copy.deepcopy(old)
        new = change(new) or new
        if (
            new["metadata"].get("resourceVersion", old["metadata"]["resourceVersion"])
            != old["metadata"]["resourceVersion"]
        ):
            raise ApiError(
                409,
                "Conflict",
                f'Operation cannot be fulfilled on {resource.full_name} "{name}": the object has been modified; '
                "please apply your changes to the latest version and try again",
            )
        if subresource == "status":
            new = {**old, "status": new.get("status", {})}
        elif "status" in resource.subresources and "status" in old:
            new["status"] = old["status"]
        new["metadata"] = dict(new["metadata"])
        for key in _OWNED_BY_SERVER:
            new["metadata"].pop(key, None)
            if key in old["metadata"]:
                new["metadata"][key] = old["metadata"][key]
        self._check(resource, new)
        if new == old:
            return old
        if new.get("spec") != old.get("spec"):
            new["metadata"]["generation"] += 1
        if "deletionTimestamp" in old["metadata"] and old["metadata"].get("finalizers") and not _waits(resource, new):
            return self._write(resource, old, None)
        return self._write(resource, old, new)

    def delete(self, resource: Resource, namespace: str, name: str, grace: int | None = None) -> Object:
        """Delete an object, or mark it as deleted where somebody has to do something first."""
        old = self.get(resource, namespace, name)
        if grace == 0 and not old["metadata"].get("finalizers"):
            return self._write(resource, old, None)
        if not _waits(resource, old):
            return self._write(resource, old, None)
        if "deletionTimestamp" in old["metadata"]:
            return old
        meta = {**old["metadata"], "deletionTimestamp": now()}
        if resource.kind == "Pod":
            period = grace if grace is not None else old["spec"].get("terminationGracePeriodSeconds", 30)
            meta["deletionGracePeriodSeconds"] = period
        new = {**old, "metadata": meta}
        if resource is NAMESPACES:
            new["status"] = {"phase": "Terminating"}
        return self._write(resource, old, new)

    def remove(self, resource: Resource, item: Object) -> None:
        """What had to be done for a deleted object is done."""
        old = self.find(resource, item["metadata"].get("namespace", ""), item["metadata"]["name"])
        if old and old["metadata"]["uid"] == item["metadata"]["uid"] and not old["metadata"].get("finalizers"):
            self._write(resource, old, None)

    def record(self, about: Object, kind: str, reason: str, message: str, component: str = "kubelet") -> None:
        """Post an Event, or count one more where it was posted before."""
        meta = about["metadata"]
        reference = {"apiVersion": about["apiVersion"], "kind": about["kind"], "name": meta["name"]}
        reference |= {"namespace": meta.get("namespace", "default"), "uid": meta["uid"]}
        namespace = reference["namespace"]
        namespace_object = self.find(NAMESPACES, "", namespace)
        if namespace_object is None or "deletionTimestamp" in namespace_object["metadata"]:
            return
        for event in self.select(EVENTS, namespace):
            if (event["involvedObject"], event["reason"], event["message"]) == (reference, reason, message):
                event = {**event, "count": event.get("count", 1) + 1, "lastTimestamp": now()}
                self._write(EVENTS, event, event)
                return
        event = {"metadata": {"generateName": f"{meta['name']}."}, "involvedObject": reference}
        event |= {"type": kind, "reason": reason, "message": message, "count": 1, "source": {"component": component}}
        self.create(EVENTS, event | {"firstTimestamp": now(), "lastTimestamp": now()}, namespace)

    def collect_garbage(self) -> None:
        """Delete what has lost all its owners, and what is in a namespace that is deleted."""
        alive = {item["metadata"]["uid"] for _, item in self.everything()}
        closing = {
            each["metadata"]["name"] for each in self.select(NAMESPACES) if "deletionTimestamp" in each["metadata"]
        }
        still_used = set()
        for resource, item in self.everything():
            meta = item["metadata"]
            namespace = meta.get("namespace", "")
            owners = meta.get("ownerReferences") or ()
            orphaned = owners and not any(owner["uid"] in alive for owner in owners)
            if (orphaned or namespace in closing) and "deletionTimestamp" not in meta:
                self.delete(resource, namespace, meta["name"])
            if namespace in closing and self.find(resource, namespace, meta["name"]):
                still_used.add(namespace)
        for name in closing - still_used:
            self._write(NAMESPACES, self.get(NAMESPACES, "", name), None)

    def _check_namespace(self, resource: Resource, namespace: str, name: str) -> None:
        found = self.get(NAMESPACES, "", namespace)
        if "deletionTimestamp" in found["metadata"]:
            raise ApiError(
                403,
                "Forbidden",
                f'{resource.full_name} "{name}" is forbidden: unable to create new content in namespace {namespace} '
                "because it is being terminated",
            )

    def _check(self, resource: Resource, item: Object) -> None:
        if resource.schema is None:
            return
        head = {key: item.pop(key) for key in ("apiVersion", "kind", "metadata")}
        wrong = list(conform(item, resource.schema))
        item |= head
        if wrong:
            raise self._invalid(resource, item["metadata"]["name"], wrong)

    def _invalid(self, resource: Resource, name: str, wrong: list[str]) -> ApiError:
        kind = f"{resource.kind}.{resource.group}" if resource.group else resource.kind
        causes = wrong[0] if len(wrong) == 1 else f"[{', '.join(wrong)}]"
        return ApiError(422, "Invalid", f'{kind} "{name}" is invalid: {causes}')

    def _write(self, resource: Resource, old: Object | None, new: Object | None) -> Object:
        last = new or old
        assert last is not None
        meta = {**last["metadata"], "resourceVersion": str(self.revision + 1)}
        item = {**last, "metadata": meta}
        key = (meta.get("namespace", ""), meta["name"])
        self.history.append(Change(resource, old if new or old is None else item, item if new else None))
        if new:
            self._objects[resource][key] = item
        else:
            del self._objects[resource][key]
        if resource is DEFINITIONS:
            self._serve(item, served=new is not None)
        self._news.set()
        self._news = asyncio.Event()
        return item

    def _serve(self, definition: Object, *, served: bool) -> None:
        for resource in custom_resources(definition):
            if served:
                self.resources[resource.group, resource.plural] = resource
            else:
                self.resources.pop((resource.group, resource.plural), None)


def _waits(resource: Resource, item: Object) -> bool:
    """Whether somebody has to do something before a deleted object can go."""
    if item["metadata"].get("finalizers") or resource is NAMESPACES:
        return True
    running = item.get("status", {}).get("phase") not in ("Succeeded", "Failed")
    return resource.kind == "Pod" and bool(item["spec"].get("nodeName")) and running
