"""Who may do what: everybody everything, but for what a test forbids."""

from __future__ import annotations

from dataclasses import dataclass, field

from .objects import ApiError
from .resources import Object

TESTER = "tester"
OPERATOR = "system:serviceaccount:dask-operator:dask-kubernetes-operator"


@dataclass(frozen=True)
class Request:
    """What somebody wants to do. ``resource`` names a subresource after a slash, as in ``pods/log``."""

    user: str
    verb: str
    group: str
    resource: str
    namespace: str = ""
    name: str = ""


@dataclass
class Rights:
    """Tokens and what their users lack."""

    tokens: dict[str, str] = field(default_factory=dict)
    forbidden: set[tuple[str, str, str | None]] = field(default_factory=set)

    def user(self, authorization: str) -> str:
        """Who sends this header."""
        user = self.tokens.get(authorization.removeprefix("Bearer ").strip())
        if user is None:
            raise ApiError(401, "Unauthorized", "Unauthorized")
        return user

    def allows(self, request: Request) -> bool:
        """Whether a request may be done; the operator has all rights."""
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
