"""The objects of the cluster, and all that has happened to them: what etcd and the API server's core are.

An object that was stored is never changed in place, so what is read needs no copy and history is exact.
"""

from __future__ import annotations

import asyncio
import copy
import random
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any, NamedTuple

from .resources import BUILT_IN, DEFINITIONS, NAMESPACES, Object, Resource, conform, custom_resources
from .selectors import Predicate

_NAMES = ("name", "namespace", "uid", "creationTimestamp")
_OWNED_BY_SERVER = (*_NAMES, "deletionTimestamp", "generation", "resourceVersion")


class ApiError(Exception):
    """An answer that is not a success, as a Kubernetes ``Status``."""

    def __init__(self, code: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.status: Object = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure"}
        self.status |= {"message": message, "reason": reason, "code": code}


class Change(NamedTuple):
    """One step of history: ``old`` is None for a new object, ``new`` for one that is gone."""

    resource: Resource
    old: Object | None
    new: Object | None


def now() -> str:
    """The time as Kubernetes writes it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Store:
    """All objects, for one event loop.

    Attributes:
        history: all changes; an object's ``resourceVersion`` is the number of changes up to its own.
        admit: what a kind makes of a new object before it is stored; yields what is wrong with it.
        resources: the kinds that are served, by group and plural.
    """

    def __init__(self) -> None:
        self.history: list[Change] = []
        self.admit: dict[Resource, Callable[[Object], Iterable[str]]] = {}
        self.resources: dict[tuple[str, str], Resource] = {(each.group, each.plural): each for each in BUILT_IN}
        self._objects: dict[Resource, dict[tuple[str, str], Object]] = defaultdict(dict)
        self._news = asyncio.Event()

    def news(self) -> asyncio.Event:
        """Is set by the next change."""
        return self._news

    def select(self, resource: Resource, namespace: str = "", selected: Predicate | None = None) -> list[Object]:
        """The objects of a kind, of one namespace or of all."""
        found = (item for (where, _), item in self._objects[resource].items() if namespace in ("", where))
        return [item for item in found if selected is None or selected(item)]

    def everything(self) -> list[tuple[Resource, Object]]:
        """All objects."""
        return [(resource, item) for resource, items in self._objects.items() for item in items.values()]

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
        item = copy.deepcopy(body) | {"apiVersion": resource.api_version, "kind": resource.kind}
        meta = item.setdefault("metadata", {})
        if not meta.get("name") and "generateName" in meta:
            meta["name"] = meta["generateName"] + "".join(random.choices("bcdfghjklmnpqrstvwxz2456789", k=5))
        name = meta.get("name")
        if not name:
            raise _invalid(resource, "", ["metadata.name: Required value: name or generateName is required"])
        if resource.namespaced:
            self._check_namespace(resource, namespace, name)
            meta["namespace"] = namespace
        if self.find(resource, namespace, name):
            raise ApiError(409, "AlreadyExists", f'{resource.full_name} "{name}" already exists')
        meta |= {"uid": str(uuid.uuid4()), "creationTimestamp": now(), "generation": 1}
        if resource.schema is not None and "status" in resource.subresources:
            item.pop("status", None)
        _check(resource, item)
        if wrong := list(self.admit[resource](item) if resource in self.admit else ()):
            raise _invalid(resource, name, wrong)
        return self._write(resource, None, item)

    def edit(
        self, resource: Resource, namespace: str, name: str, change: Callable[[Object], Any], subresource: str = ""
    ) -> Object:
        """Store what ``change`` makes of a copy of the object; it changes the copy or returns another."""
        old = self.get(resource, namespace, name)
        copied = copy.deepcopy(old)
        new = _merged(resource, old, change(copied) or copied, subresource)
        _check(resource, new)
        if new == old:
            return old
        if new.get("spec") != old.get("spec"):
            new["metadata"]["generation"] += 1
        released = old["metadata"].get("finalizers") and not _waits(resource, new)
        return self._write(resource, old, None if released and "deletionTimestamp" in old["metadata"] else new)

    def delete(
        self, resource: Resource, namespace: str, name: str, grace: int | None = None, uid: str | None = None
    ) -> Object:
        """Delete an object, or mark it as deleted if something has to be done before it can go.

        Args:
            resource: The kind of the object.
            namespace: Its namespace; empty if it has none.
            name: Its name.
            grace: The seconds that a pod has to end; default: what the pod says.
            uid: Refuse the request if the object is another one of this name.
        """
        old = self.get(resource, namespace, name)
        if uid not in (None, old["metadata"]["uid"]):
            words = f"the UID in the precondition ({uid}) does not match the UID in record ({old['metadata']['uid']})"
            raise ApiError(
                409, "Conflict", f'Operation cannot be fulfilled on {resource.full_name} "{name}": {words}'
            )
        if not _waits(resource, old) or (grace == 0 and not old["metadata"].get("finalizers")):
            return self._write(resource, old, None)
        if "deletionTimestamp" in old["metadata"]:
            return old
        new = {**old, "metadata": {**old["metadata"], "deletionTimestamp": now()}}
        if resource.kind == "Pod":
            period = old["spec"]["terminationGracePeriodSeconds"] if grace is None else grace
            new["metadata"]["deletionGracePeriodSeconds"] = period
        if resource is NAMESPACES:
            new["status"] = {"phase": "Terminating"}
        return self._write(resource, old, new)

    def remove(self, resource: Resource, item: Object) -> None:
        """What had to be done for a deleted object is done."""
        old = self.find(resource, item["metadata"].get("namespace", ""), item["metadata"]["name"])
        if old and old["metadata"]["uid"] == item["metadata"]["uid"] and not old["metadata"].get("finalizers"):
            self._write(resource, old, None)

    def _check_namespace(self, resource: Resource, namespace: str, name: str) -> None:
        if "deletionTimestamp" in self.get(NAMESPACES, "", namespace)["metadata"]:
            words = f"unable to create new content in namespace {namespace} because it is being terminated"
            raise ApiError(403, "Forbidden", f'{resource.full_name} "{name}" is forbidden: {words}')

    def _write(self, resource: Resource, old: Object | None, new: Object | None) -> Object:
        last = new or old
        assert last is not None
        meta = {**last["metadata"], "resourceVersion": str(len(self.history) + 1)}
        item = {**last, "metadata": meta}
        self.history.append(Change(resource, old, item) if new else Change(resource, item, None))
        objects = self._objects[resource]
        objects[meta.get("namespace", ""), meta["name"]] = item
        if not new:
            del objects[meta.get("namespace", ""), meta["name"]]
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


def _merged(resource: Resource, old: Object, new: Object, subresource: str) -> Object:
    """What of a change may be written: status and the rest apart, and never what is the server's."""
    before, after = old["metadata"], new["metadata"]
    if after.get("resourceVersion", before["resourceVersion"]) != before["resourceVersion"]:
        words = "the object has been modified; please apply your changes to the latest version and try again"
        text = f'Operation cannot be fulfilled on {resource.full_name} "{before["name"]}": {words}'
        raise ApiError(409, "Conflict", text)
    if subresource == "status":
        return {**old, "status": new.get("status", {})}
    kept = {key: before[key] for key in _OWNED_BY_SERVER if key in before}
    meta = {key: value for key, value in after.items() if key not in _OWNED_BY_SERVER} | kept
    head = {"apiVersion": old["apiVersion"], "kind": old["kind"], "metadata": meta}
    if "status" not in resource.subresources:
        return {**new, **head}
    status = {"status": old["status"]} if "status" in old else {}
    return {key: value for key, value in new.items() if key != "status"} | head | status


def _check(resource: Resource, item: Object) -> None:
    """Fit a custom resource to its schema."""
    if resource.schema is not None:
        head = {key: item.pop(key) for key in ("apiVersion", "kind", "metadata")}
        wrong = list(conform(item, resource.schema))
        item |= head
        if wrong:
            raise _invalid(resource, item["metadata"]["name"], wrong)


def _invalid(resource: Resource, name: str, wrong: list[str]) -> ApiError:
    kind = f"{resource.kind}.{resource.group}" if resource.group else resource.kind
    causes = wrong[0] if len(wrong) == 1 else f"[{', '.join(wrong)}]"
    return ApiError(422, "Invalid", f'{kind} "{name}" is invalid: {causes}')


def _waits(resource: Resource, item: Object) -> bool:
    """Whether something has to be done before a deleted object can go."""
    if item["metadata"].get("finalizers") or resource is NAMESPACES:
        return True
    running = item.get("status", {}).get("phase") not in ("Succeeded", "Failed")
    return resource.kind == "Pod" and bool(item["spec"].get("nodeName")) and running
