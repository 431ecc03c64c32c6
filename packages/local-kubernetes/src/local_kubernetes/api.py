"""The HTTP side: paths, verbs and watches, as the API server speaks them."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from dataclasses import dataclass, replace
from typing import Any

from aiohttp import web

from .changes import body_change, scale_change, scale_of
from .discovery import discovery
from .forward import port_forward
from .kubelet import Kubelet
from .objects import ApiError, Store
from .resources import ACCESS_REVIEWS, PODS, Object, Resource
from .rights import Request, Rights
from .selectors import Predicate, predicate

_OF_OBJECTS = {"GET": "get", "POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
_OF_COLLECTIONS = {"GET": "list", "POST": "create", "DELETE": "deletecollection"}
_PORT = 6443  # Kubernetes' own; below the ports that a connection may be given while the server is stopped
_PATIENCE = 0.1  # seconds for a connection that arrived in the last moment; aiohttp takes 0 for "for ever"
_AT_ONCE = struct.pack("ii", 1, 0)  # SO_LINGER of no seconds: close with a reset


class _NotServed(Exception):
    """There is nothing at this path; the server says so in plain text, not with a ``Status``."""


@dataclass(frozen=True)
class _Call:
    """What a request asks for."""

    resource: Resource
    verb: str
    namespace: str
    name: str
    subresource: str

    def by(self, user: str) -> Request:
        plural = self.resource.plural
        full = f"{plural}/{self.subresource}" if self.subresource else plural
        return Request(user, self.verb, self.resource.group, full, self.namespace, self.name)


class ApiServer:
    """Answers on one port of a loopback address, and can be made to stop, or to drop all connections."""

    def __init__(self, address: str, store: Store, rights: Rights, kubelet: Kubelet) -> None:
        self.url = f"http://{address}:{_PORT}"
        self._address = address
        self._store = store
        self._rights = rights
        self._kubelet = kubelet
        self._runner: web.ServerRunner | None = None

    async def start(self) -> None:
        """Listen."""
        if self._runner is None:
            server = web.Server(self._answer, handler_cancellation=True)
            runner = web.ServerRunner(server, shutdown_timeout=_PATIENCE)
            await runner.setup()
            await web.TCPSite(runner, self._address, _PORT, reuse_address=True).start()
            self._runner = runner

    async def stop(self) -> None:
        """Stop listening, and drop all connections."""
        if self._runner is not None:
            self.cut()
            await self._runner.cleanup()
            self._runner = None

    def cut(self) -> None:
        """Reset all connections."""
        server = self._runner and self._runner.server
        for transport in [connection.transport for connection in server.connections] if server else ():
            if transport is not None:
                transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
                transport.abort()

    async def _answer(self, http: web.BaseRequest) -> web.StreamResponse:
        try:
            user = self._rights.user(http.headers.get("Authorization", ""))
            parts = [part for part in http.path.split("/") if part]
            if parts and parts[0] in ("healthz", "livez", "readyz"):
                return web.Response(text="ok")
            if (found := discovery(self._store.resources.values(), parts)) is not None:
                return web.json_response(found)
            call = self._parse(http, parts)
            self._rights.check(call.by(user))
            if call.subresource == "portforward":  # by a websocket, whose verb is "get"; 1.35 asks for this one too
                self._rights.check(replace(call, verb="create").by(user))
            return await self._serve(http, call, user)
        except _NotServed:
            return web.Response(status=404, text="404 page not found\n")
        except ApiError as error:
            return web.json_response(error.status, status=error.code)

    def _parse(self, http: web.BaseRequest, parts: list[str]) -> _Call:
        match parts:
            case ["api", version, *rest] if rest:
                group = ""
            case ["apis", group, version, *rest] if rest:
                pass
            case _:
                raise _NotServed
        namespace = ""
        if rest[0] == "namespaces" and len(rest) > 2 and rest[2] != "status":
            namespace, rest = rest[1], rest[2:]
        plural, name, subresource = (*rest, "", "")[:3]
        resource = self._store.resources.get((group, plural))
        verb = (_OF_OBJECTS if name else _OF_COLLECTIONS).get(http.method)
        if (
            resource is None
            or resource.version != version
            or subresource not in ("", *resource.subresources)
            or not verb
        ):
            raise _NotServed
        if verb == "list" and http.query.get("watch") in ("true", "1"):
            verb = "watch"
        return _Call(resource, verb, namespace, name, subresource)

    async def _serve(self, http: web.BaseRequest, call: _Call, user: str) -> web.StreamResponse:
        match call.resource, call.subresource:
            case _ if call.verb == "watch":
                return await self._watch(http, call)
            case resource, _ if resource is ACCESS_REVIEWS:
                return web.json_response(self._rights.review(user, await http.json()), status=201)
            case _, "log":
                return web.Response(
                    text=self._kubelet.log(self._store.get(PODS, call.namespace, call.name), http.query)
                )
            case _, "portforward":
                return await port_forward(http, self._store.get(PODS, call.namespace, call.name))
        text = await http.text()
        item = self._do(http, call, json.loads(text) if text else {})
        return web.json_response(item, status=201 if call.verb == "create" else 200)

    def _do(self, http: web.BaseRequest, call: _Call, body: Any) -> Object:
        resource, where = call.resource, (call.resource, call.namespace, call.name)
        match call.verb:
            case "list" | "deletecollection":
                return self._collection(http, call, body)
            case "create":
                return self._store.create(resource, body, call.namespace)
            case "delete":
                return self._store.delete(*where, _grace(http, body), body.get("preconditions", {}).get("uid"))
            case "get":
                item = self._store.get(*where)
            case _ if call.subresource == "scale":
                item = self._store.edit(
                    *where, scale_change(resource, body_change(call.verb, http.content_type, body))
                )
            case _:
                item = self._store.edit(*where, body_change(call.verb, http.content_type, body), call.subresource)
        return scale_of(resource, item) if call.subresource == "scale" else item

    def _collection(self, http: web.BaseRequest, call: _Call, body: Any) -> Object:
        version = str(len(self._store.history))
        items = self._store.select(call.resource, call.namespace, _selected(http))
        for meta in [item["metadata"] for item in items] if call.verb == "deletecollection" else ():
            self._store.delete(call.resource, meta.get("namespace", ""), meta["name"], _grace(http, body))
        head = {"kind": f"{call.resource.kind}List", "apiVersion": call.resource.api_version}
        return {**head, "metadata": {"resourceVersion": version}, "items": items}

    async def _watch(self, http: web.BaseRequest, call: _Call) -> web.StreamResponse:
        """Send all changes of what is selected, from a version on or, without one, after what there is."""
        selected = _selected(http)
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(http)

        async def send(kind: str, item: Object) -> None:
            await response.write(json.dumps({"type": kind, "object": item}).encode() + b"\n")

        position = int(http.query.get("resourceVersion") or 0)
        if not position:
            position = len(self._store.history)
            for item in self._store.select(call.resource, call.namespace, selected):
                await send("ADDED", item)
        try:
            async with asyncio.timeout(float(http.query.get("timeoutSeconds", 1800))):
                while True:
                    news = self._store.news()
                    for changed, old, new in self._store.history[position:]:
                        position += 1
                        last = new or old or {}
                        if changed is call.resource and call.namespace in ("", last["metadata"].get("namespace")):
                            before, after = bool(old and selected(old)), bool(new and selected(new))
                            if before or after:
                                await send("MODIFIED" if before and after else "ADDED" if after else "DELETED", last)
                    if position == len(self._store.history):
                        await news.wait()
        except TimeoutError:
            return response


def _selected(http: web.BaseRequest) -> Predicate:
    try:
        return predicate(http.query.get("labelSelector", ""), http.query.get("fieldSelector", ""))
    except ValueError as error:
        raise ApiError(400, "BadRequest", str(error)) from None


def _grace(http: web.BaseRequest, body: Any) -> int | None:
    seconds = http.query.get("gracePeriodSeconds", body.get("gracePeriodSeconds"))
    return None if seconds is None else int(seconds)
