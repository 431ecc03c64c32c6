"""The HTTP side: paths, verbs, patches, watches, as the API server speaks them."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
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

_VERBS = {"GET": "get", "POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}


class _NotServed(Exception):
    """There is nothing at this path; the server says so in plain text, not with a ``Status``."""


class ApiServer:
    """Answers on one port of the loopback address, and can be made to stop, or to drop all connections."""

    def __init__(self, store: Store, rights: Rights, kubelet: Kubelet) -> None:
        self._store = store
        self._rights = rights
        self._kubelet = kubelet
        self._runner: web.ServerRunner | None = None
        self.port = 0

    async def start(self) -> None:
        """Listen; again on the same port if it did before."""
        if self._runner is None:
            self._runner = web.ServerRunner(web.Server(self._answer, handler_cancellation=True), shutdown_timeout=0)
            await self._runner.setup()
            site = web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True)
            await site.start()
            self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Stop listening, and drop all connections."""
        if self._runner is not None:
            runner, self._runner = self._runner, None
            self._reset(runner)
            await runner.cleanup()

    def cut(self) -> None:
        """Reset all connections."""
        if self._runner is not None:
            self._reset(self._runner)

    def _reset(self, runner: web.ServerRunner) -> None:
        for connection in runner.server.connections if runner.server else ():
            if connection.transport is not None:
                at_once = struct.pack("ii", 1, 0)
                connection.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
                connection.transport.abort()

    async def _answer(self, http: web.BaseRequest) -> web.StreamResponse:
        try:
            user = self._rights.user(http.headers.get("Authorization", ""))
            return await self._route(http, user)
        except _NotServed:
            return web.Response(status=404, text="404 page not found\n")
        except ApiError as error:
            return web.json_response(error.status, status=error.code)

    async def _route(self, http: web.BaseRequest, user: str) -> web.StreamResponse:
        parts = [part for part in http.path.split("/") if part]
        if parts and parts[0] in ("healthz", "livez", "readyz"):
            return web.Response(text="ok")
        if (found := discovery(self._store.resources.values(), parts)) is not None:
            return web.json_response(found)
        if len(parts) < (3 if parts[:1] == ["api"] else 4):
            raise _NotServed
        group, version = ("", parts[1]) if parts[0] == "api" else (parts[1], parts[2])
        rest = parts[2:] if parts[0] == "api" else parts[3:]
        namespace = ""
        if rest[0] == "namespaces" and len(rest) > 2 and rest[2] != "status":
            namespace, rest = rest[1], rest[2:]
        plural, name, subresource = (*rest, "", "")[:3]
        resource = self._store.resources.get((group, plural))
        if (
            resource is None
            or resource.version != version
            or (subresource and subresource not in resource.subresources)
        ):
            raise _NotServed
        verb = _VERBS[http.method]
        if not name and verb in ("get", "delete"):
            verb = {"get": "watch" if http.query.get("watch") in ("true", "1") else "list"}.get(
                verb, "deletecollection"
            )
        full = f"{plural}/{subresource}" if subresource else plural
        self._rights.check(Request(user, verb, group, full, namespace, name))
        if resource is ACCESS_REVIEWS:
            return web.json_response(self._rights.review(user, await http.json()), status=201)
        if resource is PODS and subresource == "log":
            return web.Response(text=self._kubelet.log(self._store.get(PODS, namespace, name), http.query))
        if resource is PODS and subresource == "portforward":
            return await port_forward(http, self._store.get(PODS, namespace, name))
        if verb == "watch":
            return await self._watch(http, resource, namespace)
        body = await http.text()
        item = self._do(http, verb, resource, namespace, name, subresource, json.loads(body) if body else {})
        return web.json_response(item, status=201 if verb == "create" else 200)

    def _do(
        self, http: web.BaseRequest, verb: str, resource: Resource, namespace: str, name: str, sub: str, body: Any
    ) -> Object:
        if verb == "get":
            item = self._store.get(resource, namespace, name)
            return scale_of(resource, item) if sub == "scale" else item
        if verb in ("list", "deletecollection"):
            chosen = self._store.select(resource, namespace, _selected(http))
            if verb == "deletecollection":
                for item in chosen:
                    self._store.delete(resource, item["metadata"].get("namespace", ""), item["metadata"]["name"])
            head = {"kind": f"{resource.kind}List", "apiVersion": resource.api_version}
            return {**head, "metadata": {"resourceVersion": str(self._store.revision)}, "items": chosen}
        if verb == "create":
            return self._store.create(resource, body, namespace)
        if verb == "delete":
            grace = http.query.get("gracePeriodSeconds", body.get("gracePeriodSeconds"))
            return self._store.delete(resource, namespace, name, None if grace is None else int(grace))
        change = body_change(verb, http.content_type, body)
        if sub == "scale":
            return scale_of(resource, self._store.edit(resource, namespace, name, scale_change(resource, change)))
        return self._store.edit(resource, namespace, name, change, sub)

    async def _watch(self, http: web.BaseRequest, resource: Resource, namespace: str) -> web.StreamResponse:
        selected = _selected(http)
        since = http.query.get("resourceVersion", "0")
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(http)

        async def send(kind: str, item: Object) -> None:
            await response.write(json.dumps({"type": kind, "object": item}).encode() + b"\n")

        if since in ("", "0"):
            since = str(self._store.revision)
            for item in self._store.select(resource, namespace, selected):
                await send("ADDED", item)
        position = int(since)
        seconds = float(http.query.get("timeoutSeconds", 1800))
        try:
            async with asyncio.timeout(seconds):
                while True:
                    news = self._store.news()
                    for changed, old, new in self._store.history[position:]:
                        position += 1
                        last = new or old or {}
                        if changed is not resource or namespace not in ("", last["metadata"].get("namespace")):
                            continue
                        before, after = old is not None and selected(old), new is not None and selected(new)
                        if before or after:
                            await send("MODIFIED" if before and after else "ADDED" if after else "DELETED", last)
                    if position == self._store.revision:
                        await news.wait()
        except TimeoutError:
            return response


def _selected(http: web.BaseRequest) -> Predicate:
    try:
        return predicate(http.query.get("labelSelector", ""), http.query.get("fieldSelector", ""))
    except ValueError as error:
        raise ApiError(400, "BadRequest", str(error)) from None
