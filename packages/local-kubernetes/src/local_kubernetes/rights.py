"""Who may do what: all users everything, except for what a test forbids and for accounts with a role."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .objects import ApiError
from .resources import ACCESS_REVIEWS, Object

TESTER = "tester"
OPERATOR = "system:serviceaccount:dask-operator:dask-kubernetes-operator"


@dataclass(frozen=True)
class Request:
    """What a user wants to do. ``resource`` names a subresource after a slash, as in ``pods/log``."""

    user: str
    verb: str
    group: str
    resource: str
    namespace: str = ""
    name: str = ""


@dataclass
class Rights:
    """The users' tokens, and what users may not do.

    Attributes:
        tokens: The users by their tokens.
        forbidden: What the tester may not do: verb, resource, and namespace, or ``None`` for all namespaces.
        roles: For each user who may only do what a Role says: its namespace and its rules.
    """

    tokens: dict[str, str] = field(default_factory=dict)
    forbidden: set[tuple[str, str, str | None]] = field(default_factory=set)
    roles: dict[str, tuple[str, tuple[Mapping[str, Any], ...]]] = field(default_factory=dict)

    def user(self, authorization: str) -> str:
        """Who sends this header."""
        user = self.tokens.get(authorization.removeprefix("Bearer ").strip())
        if user is None:
            raise ApiError(401, "Unauthorized", "Unauthorized")
        return user

    def allows(self, request: Request) -> bool:
        """Whether a request is allowed. The operator has all rights, and every user may ask for their own."""
        if request.user in self.roles and request.resource != ACCESS_REVIEWS.plural:
            namespace, rules = self.roles[request.user]
            return request.namespace == namespace and any(_grants(rule, request) for rule in rules)
        lacking = {(request.verb, request.resource, place) for place in (None, request.namespace)}
        return request.user != TESTER or not lacking & self.forbidden

    def check(self, request: Request) -> None:
        """Raise what the API server says of a request that is not allowed."""
        if not self.allows(request):
            plural, _, _ = request.resource.partition("/")
            full_name = f"{plural}.{request.group}" if request.group else plural
            subject = f'{full_name} "{request.name}"' if request.name else full_name
            scope = f'in the namespace "{request.namespace}"' if request.namespace else "at the cluster scope"
            raise ApiError(
                403,
                "Forbidden",
                f'{subject} is forbidden: User "{request.user}" cannot {request.verb} resource "{request.resource}" '
                f'in API group "{request.group}" {scope}',
            )

    def review(self, user: str, review: Object) -> Object:
        """Answer a SelfSubjectAccessReview."""
        asked = review.get("spec", {}).get("resourceAttributes", {})
        resource = "/".join(filter(None, (asked.get("resource", ""), asked.get("subresource"))))
        request = Request(user, asked.get("verb", ""), asked.get("group", ""), resource, asked.get("namespace", ""))
        return {**review, "status": {"allowed": self.allows(request)}}


def _grants(rule: Mapping[str, Any], request: Request) -> bool:
    wanted = {"apiGroups": request.group, "resources": request.resource, "verbs": request.verb}
    return all(value in rule[key] for key, value in wanted.items())
