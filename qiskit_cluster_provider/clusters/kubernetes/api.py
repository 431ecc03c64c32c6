"""The requests that this package sends to Kubernetes with kr8s' login, and Kubernetes' errors in words.

kr8s and dask-kubernetes raise what their libraries raise, from ``KeyError: 'current-context'`` to
``httpx.ReadError('')``, and they wait without end for an answer. So every request of this package goes through
:meth:`Api.request`, which has a time limit and translates the errors.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anyio
import anyio.from_thread
import httpx
import kr8s
import yaml

from ...errors import ClusterApiError, ClusterError
from .spec import GROUP, VERSION

ANSWER_WITHIN = 10.0  # seconds
CLUSTERS = f"/apis/{GROUP}/{VERSION}"
INSTALL = (
    "helm install --repo https://helm.dask.org --create-namespace -n dask-operator --generate-name "
    "dask-kubernetes-operator"
)
"""The operator, as its documentation says."""
OPERATOR = "app.kubernetes.io/name=dask-kubernetes-operator"
RIGHTS_FILE = "deploy/rbac.yaml"
_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"  # what a pod is given
Answer = dict[str, Any] | ClusterApiError
_OF_THE_FILE = (
    *(ValueError, KeyError, TypeError, IndexError, AttributeError),
    *(FileNotFoundError, PermissionError, IsADirectoryError, yaml.YAMLError),
)
"""What kr8s raises over a kubeconfig."""
_SEND = {"PATCH": "application/merge-patch+json", "POST": "application/json"}


class Api:
    """The API server that the kubeconfig, or a pod's ServiceAccount, leads to. :func:`connected` makes one.

    Attributes:
        namespace: The namespace of the kubeconfig's context, or of this pod.
        server: The URL of the server.
        context: The name of the kubeconfig's context; empty in a pod.
    """

    def __init__(self, portal: Any, client: Any, rights_file: str) -> None:
        self._portal = portal
        self._rights_file = rights_file
        self._client = client
        self._logging_in = anyio.Lock()
        self.namespace = str(client.auth.namespace)
        self.server = str(client.auth.server)
        self.context = str(client.auth.active_context)

    def request(self, method: str, path: str, body: Any = None, **params: Any) -> dict[str, Any]:
        """Send one request and return the answer.

        Args:
            method: The method of HTTP.
            path: The path, which begins with ``/api`` or ``/apis``.
            body: The body to send as JSON. The body of a PATCH is a merge patch.
            params: Parameters of the query, for example ``labelSelector``.

        Raises:
            ClusterApiError: Kubernetes does not answer, or refuses; ``status`` tells which.
        """
        answer: dict[str, Any] = self._portal.call(self._asked, method, path, body, params)
        return answer

    def all(self, requests: Iterable[tuple[str, str, Any]]) -> list[Answer]:
        """Send several requests ``(method, path, body)`` at the same time.

        Returns:
            The answers and errors, in the order of the requests.
        """
        answers: list[Answer] = self._portal.call(self._all, list(requests))
        return answers

    def items(self, path: str, **params: Any) -> list[dict[str, Any]]:
        """The objects of a list."""
        return list(self.request("GET", path, **params).get("items", []))

    def find(self, path: str) -> dict[str, Any] | None:
        """One object; ``None`` if it does not exist."""
        try:
            return self.request("GET", path)
        except ClusterApiError as error:
            if error.status == 404:
                return None
            raise

    def log(self, namespace: str, pod: str, container: str, previous: bool, lines: int) -> str:
        """The last lines that a container has written."""
        path = f"/api/v1/namespaces/{namespace}/pods/{pod}/log"
        params = {"container": container, "tailLines": lines, "previous": str(previous).lower()}
        return str(self.request("GET", path, **params)["text"])

    async def _asked(self, method: str, path: str, body: Any, params: Mapping[str, Any]) -> dict[str, Any]:
        more: dict[str, Any] = {"json": body} if body is not None else {}
        if params:  # an empty mapping would take those of the path away
            more["params"] = dict(params)
        if method in _SEND:
            more["headers"] = {"content-type": _SEND[method]}
        # kr8s puts a slash between the two, and without a second one at the end, which a query does not survive.
        base, _, more["url"] = path.rpartition("/")
        try:
            # At a 401 or 403, kr8s logs in anew and closes the session, which ends every other request in it.
            async with self._client.call_api(
                method, version="", base=base, raise_for_status=False, **more
            ) as response:
                pass
            if response.status_code == 401:  # a login that has expired since, or that never was one
                async with (
                    self._logging_in,
                    self._client.call_api(method, version="", base=base, **more) as response,
                ):
                    pass
        except Exception as error:
            raise translated(error, self.server, self._rights_file) from error
        if response.is_error:
            raise _refused(response, self._rights_file)
        return _content(response)

    async def _all(self, requests: list[tuple[str, str, Any]]) -> list[Any]:
        answers: list[Any] = [None] * len(requests)

        async def ask(index: int) -> None:
            method, path, body = requests[index]
            try:
                answers[index] = await self._asked(method, path, body, {})
            except ClusterApiError as error:
                answers[index] = error

        async with anyio.create_task_group() as group:
            for index in range(len(requests)):
                group.start_soon(ask, index)
        return answers


@contextmanager
def connected(rights_file: str = RIGHTS_FILE) -> Iterator[Api]:
    """Log in to Kubernetes for as long as the context lasts.

    Args:
        rights_file: The file that grants the necessary rights, for the errors.

    Raises:
        ClusterApiError: No login is found, or the server does not answer. The message says what to do.
    """
    with anyio.from_thread.start_blocking_portal() as portal:
        yield Api(portal, portal.call(logged_in), rights_file)


async def logged_in() -> Any:
    """A client of kr8s of its own, not the one that kr8s shares, with a time limit for every answer.

    Raises:
        ClusterApiError: No login is found, or the server does not answer.
    """
    client = kr8s.asyncio.Api(bypass_factory=True, serviceaccount=_ACCOUNT)
    client.timeout = ANSWER_WITHIN
    try:
        await client
    except Exception as error:
        raise translated(error, str(client.auth.server or "")) from error
    if not client.auth.active_context and (own := _own_namespace()):
        client.auth.namespace = own  # kr8s, which thinks that it knows one, says "default"
    return client


def _own_namespace() -> str:
    """The namespace of the pod that this process runs in; empty if it is not known."""
    try:
        return Path(_ACCOUNT, "namespace").read_text().strip()
    except OSError:
        return ""


def translated(error: BaseException, server: str, rights_file: str = RIGHTS_FILE) -> ClusterError:
    """An error on the way to Kubernetes, as an error of this package that says what mends it."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, ClusterError):
        return error
    if isinstance(error, kr8s.ServerError):
        return _refused(error.response, rights_file)
    where = f"the Kubernetes API server {server}".rstrip()
    text = str(error).strip()
    if isinstance(error, (httpx.TimeoutException, kr8s.APITimeoutError)):
        return ClusterApiError(
            f"{where} does not answer within {ANSWER_WITHIN:g} s.",
            hint="Are the cluster and the VPN up? kubectl cluster-info",
        )
    if isinstance(error, ssl.SSLError) or "CERTIFICATE" in text.upper() or "SSL" in text:
        return ClusterApiError(
            f"{where} has a certificate that the kubeconfig does not trust ({text}).",
            hint="Get the kubeconfig anew from the administrator of the cluster, or from the cloud's command line.",
        )
    if isinstance(error, httpx.TransportError):
        return ClusterApiError(
            f"{where} cannot be reached ({type(error).__name__}: {text or 'without a word'}).",
            hint="Is the cluster up? kubectl cluster-info",
        )
    file = os.environ.get("KUBECONFIG") or "~/.kube/config"
    if isinstance(error, _OF_THE_FILE):
        there = [one for one in file.split(":") if Path(one).expanduser().is_file()]
        if not there:
            return ClusterApiError(
                f"there is no kubeconfig: {file} does not exist, and this is no pod with a ServiceAccount.",
                hint="Set KUBECONFIG, or get a kubeconfig from the administrator of the cluster.",
            )
        said = f"{type(error).__name__}: {' '.join(text.split())}"
        if text == "'current-context'":
            said = "it names no current-context"
        elif isinstance(
            error, (KeyError, TypeError, IndexError, AttributeError)
        ):  # what comes of an empty file, or of one without a user
            said = f"it lacks a context, a cluster or a user ({said})"
        return ClusterApiError(f"the kubeconfig {file} cannot be used: {said}.", hint="kubectl config view")
    return ClusterApiError(
        f"{where}: {type(error).__name__}: {text or 'without a word'}.", hint="kubectl cluster-info"
    )


def refused_forward(status: int, pod: str, rights_file: str) -> ClusterApiError:
    """The error for a port-forward that the API server refuses. Its own message is lost with the websocket."""
    if status == 403:
        return ClusterApiError(
            f"a port-forward to {pod} is refused with 403: your user has no right to get "
            "pods/portforward or, from Kubernetes 1.35 on, to create it.",
            status,
            hint=f"Ask the administrator of the cluster for both: kubectl apply -f {rights_file}",
        )
    if status == 401:
        return ClusterApiError(
            f"the login is refused for a port-forward to {pod}.", status, hint="Log in anew: kubectl auth whoami"
        )
    return ClusterApiError(
        f"a port-forward to {pod} is refused with {status}.",
        status,
        hint="Does a proxy on the way to the API server let websockets through? kubectl port-forward",
    )


def _content(response: httpx.Response) -> dict[str, Any]:
    if "json" not in response.headers.get("content-type", ""):
        return {"text": response.text}
    found: dict[str, Any] = response.json()
    return found


def _refused(response: httpx.Response, rights_file: str) -> ClusterApiError:
    content = _content(response)
    status, said = response.status_code, str(content.get("message") or content.get("text", "")).strip()
    path = response.request.url.path
    if status == 401:
        text = f"the login is refused by {response.request.url.host} ({said})."
        hint = "Log in anew: kubectl auth whoami"
    elif status == 403 and "exceeded quota" in said:
        text, hint = f"{said}.", "Ask for less, or for a larger quota: kubectl describe quota"
    elif status == 403:
        text = f"{said}."
        hint = f"Ask the administrator of the cluster for this right: kubectl apply -f {rights_file}"
    elif status == 404 and path.startswith(CLUSTERS) and not _is_object(path):
        text = f"the cluster knows no {GROUP}/{VERSION}: dask-kubernetes' operator is not installed."
        hint = INSTALL
    elif status == 422:
        text, hint = f"Kubernetes finds the manifest invalid: {said}", ""
    else:
        text, hint = f"Kubernetes refuses {response.request.method} {path} with {status}: {said}", ""
    return ClusterApiError(text, status, hint=hint)


def _is_object(path: str) -> bool:
    """Whether a path is that of one object. If it is that of a list, a 404 means that the group is missing."""
    return len(path.removeprefix(CLUSTERS).strip("/").split("/")) > 3
