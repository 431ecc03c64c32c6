"""The garbage collector, and the controller that empties a namespace."""

from __future__ import annotations

from .objects import Store
from .resources import NAMESPACES


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
