"""What PUT, PATCH and the scale subresource do to an object."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jsonpatch

from .objects import ApiError
from .resources import Object, Resource

Edit = Callable[[Object], Object]


def body_change(verb: str, content_type: str, body: Any) -> Edit:
    """How the body of a PUT or PATCH changes an object. A strategic merge patch is taken for a merge patch."""
    if verb == "update":
        return lambda item: body
    if content_type == "application/json-patch+json":
        return lambda item: _json_patch(item, body)
    if content_type not in ("application/merge-patch+json", "application/strategic-merge-patch+json"):
        raise ApiError(
            415, "UnsupportedMediaType", f"{content_type} is not served here; send a merge patch or a JSON patch"
        )
    return lambda item: _merge(item, body)


def scale_of(resource: Resource, item: Object) -> Object:
    """An object as its scale subresource shows it."""
    replicas = item
    for key in resource.replicas:
        replicas = replicas[key]
    status = {"replicas": item.get("status", {}).get("replicas", 0)}
    head = {"apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": item["metadata"]}
    return {**head, "spec": {"replicas": replicas}, "status": status}


def scale_change(resource: Resource, change: Edit) -> Edit:
    """A change of the scale subresource as one of the object."""

    def edit(item: Object) -> Object:
        replicas = change(scale_of(resource, item))["spec"]["replicas"]
        inner = item
        for key in resource.replicas[:-1]:
            inner = inner[key]
        inner[resource.replicas[-1]] = replicas
        return item

    return edit


def _json_patch(item: Object, operations: Any) -> Object:
    try:
        patched: Object = jsonpatch.apply_patch(item, operations)
    except jsonpatch.JsonPatchException as error:
        raise ApiError(
            422, "Invalid", f"the server rejected our request due to an error in our request: {error}"
        ) from None
    return patched


def _merge(item: Any, patch: Any) -> Any:
    """RFC 7386."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(item) if isinstance(item, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = _merge(merged.get(key), value)
    return merged
