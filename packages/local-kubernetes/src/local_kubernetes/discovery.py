"""What the API server says of itself: ``/version``, ``/api``, ``/apis`` and what is in each group."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from .resources import Object, Resource

VERSION = {"major": "1", "minor": "34", "gitVersion": "v1.34.0", "platform": "linux/amd64"}
_VERBS = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]


def discovery(resources: Collection[Resource], parts: list[str]) -> Object | None:
    """The answer to a path, or None where the path is none of discovery's."""
    groups = {each.group: each.version for each in resources if each.group}
    match parts:
        case ["version"]:
            return dict(VERSION)
        case ["api"]:
            return {"kind": "APIVersions", "versions": ["v1"]}
        case ["apis"]:
            return {
                "kind": "APIGroupList",
                "apiVersion": "v1",
                "groups": [_group(*group) for group in groups.items()],
            }
        case ["apis", group] if group in groups:
            return {"kind": "APIGroup", "apiVersion": "v1", **_group(group, groups[group])}
        case ["api", api_version]:
            return _contents(resources, api_version)
        case ["apis", group, version]:
            return _contents(resources, f"{group}/{version}")
    return None


def _group(name: str, version: str) -> Object:
    entry = {"groupVersion": f"{name}/{version}", "version": version}
    return {"name": name, "versions": [entry], "preferredVersion": entry}


def _contents(resources: Collection[Resource], api_version: str) -> Object | None:
    entries = [entry for each in resources if each.api_version == api_version for entry in _entries(each)]
    head = {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": api_version}
    return {**head, "resources": entries} if entries else None


def _entries(resource: Resource) -> Iterator[Object]:
    entry = {"kind": resource.kind, "namespaced": resource.namespaced, "verbs": _VERBS}
    names = {"singularName": resource.kind.lower(), "shortNames": list(resource.short_names)}
    yield {"name": resource.plural, **names, **entry}
    for subresource in sorted(resource.subresources):
        yield {"name": f"{resource.plural}/{subresource}", "singularName": "", **entry}
