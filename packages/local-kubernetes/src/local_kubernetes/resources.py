"""What kinds of objects there are: the built-in ones, and those that a CustomResourceDefinition adds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

Object = dict[str, Any]


@dataclass(frozen=True)
class Resource:
    """One kind of object and where it stands in the API.

    Attributes:
        replicas: where the number of replicas is, for the scale subresource.
        schema: the ``openAPIV3Schema`` of a custom resource.
    """

    group: str
    plural: str
    kind: str
    version: str = "v1"
    namespaced: bool = True
    subresources: frozenset[str] = frozenset()
    short_names: tuple[str, ...] = ()
    replicas: tuple[str, ...] = ("spec", "replicas")
    schema: Mapping[str, Any] | None = field(default=None, compare=False, repr=False)

    @property
    def api_version(self) -> str:
        """``v1`` or ``apps/v1``, for instance."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def full_name(self) -> str:
        """As errors name it: ``pods``, ``deployments.apps``."""
        return f"{self.plural}.{self.group}" if self.group else self.plural


def _core(plural: str, kind: str, *subresources: str, namespaced: bool = True, short: str = "") -> Resource:
    names = (short,) if short else ()
    return Resource("", plural, kind, namespaced=namespaced, subresources=frozenset(subresources), short_names=names)


NAMESPACES = _core("namespaces", "Namespace", "status", namespaced=False, short="ns")
NODES = _core("nodes", "Node", "status", namespaced=False, short="no")
PODS = _core("pods", "Pod", "status", "log", "portforward", short="po")
SERVICES = _core("services", "Service", "status", short="svc")
EVENTS = _core("events", "Event", short="ev")
QUOTAS = _core("resourcequotas", "ResourceQuota", "status", short="quota")
DEPLOYMENTS = Resource("apps", "deployments", "Deployment", subresources=frozenset({"status", "scale"}))
REPLICA_SETS = Resource("apps", "replicasets", "ReplicaSet", subresources=frozenset({"status", "scale"}))
DEFINITIONS = Resource(
    "apiextensions.k8s.io", "customresourcedefinitions", "CustomResourceDefinition", namespaced=False
)
ACCESS_REVIEWS = Resource(
    "authorization.k8s.io", "selfsubjectaccessreviews", "SelfSubjectAccessReview", namespaced=False
)
BUILT_IN = (
    *(NAMESPACES, NODES, PODS, SERVICES, EVENTS, QUOTAS),
    *(DEPLOYMENTS, REPLICA_SETS, DEFINITIONS, ACCESS_REVIEWS),
)


def custom_resources(definition: Object) -> Iterator[Resource]:
    """The resources that a CustomResourceDefinition adds, one for each served version."""
    spec = definition["spec"]
    for version in spec["versions"]:
        subresources = version.get("subresources", {})
        path = subresources.get("scale", {}).get("specReplicasPath", ".spec.replicas")
        yield Resource(
            spec["group"],
            spec["names"]["plural"],
            spec["names"]["kind"],
            version["name"],
            namespaced=spec["scope"] == "Namespaced",
            subresources=frozenset(subresources),
            short_names=tuple(spec["names"].get("shortNames", ())),
            replicas=tuple(path.strip(".").split(".")),
            schema=version["schema"]["openAPIV3Schema"],
        )


_TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
}


def conform(value: Any, schema: Mapping[str, Any], path: str = "") -> Iterator[str]:
    """What is wrong with a value, in the server's words; on the way, fit it to its schema as the server does.

    Unknown fields are pruned, nulls that are not allowed are dropped, defaults are filled in.
    """
    expected = schema.get("type", "object")
    if not isinstance(value, _TYPES[expected]) or (isinstance(value, bool) and expected != "boolean"):
        found = next((name for name, types in _TYPES.items() if type(value) in types), "null")
        yield f'{path}: Invalid value: "{found}": {path} in body must be of type {expected}: "{found}"'
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from conform(item, schema.get("items", {}), f"{path}[{index}]")
    elif isinstance(value, dict):
        others = schema.get("additionalProperties")
        fields = {key: others for key in value} if others else schema.get("properties", {})
        for key in list(value):
            unknown = key not in fields and not schema.get("x-kubernetes-preserve-unknown-fields")
            if unknown or (value[key] is None and not fields.get(key, {}).get("nullable")):
                del value[key]
        for key, inner in fields.items():
            if "default" in inner:
                value.setdefault(key, inner["default"])
        for key in schema.get("required", ()):
            if key not in value:
                yield f"{path}.{key}".strip(".") + ": Required value"
        for key, item in value.items():
            if key in fields and item is not None:
                yield from conform(item, fields[key], f"{path}.{key}".strip("."))
