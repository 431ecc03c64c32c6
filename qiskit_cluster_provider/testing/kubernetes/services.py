"""Services: each has an address of its own, which leads to a ready pod that its selector matches."""

from __future__ import annotations

import asyncio
import random

from .network import Network
from .objects import Store
from .resources import PODS, SERVICES, Object
from .selectors import matches


class Services:
    """Keeps a listening socket for each port of each Service, and the names in the DNS."""

    def __init__(self, store: Store, network: Network, tasks: asyncio.TaskGroup) -> None:
        self._store = store
        self._network = network
        self._tasks = tasks
        self._servers: dict[tuple[str, int], asyncio.Server] = {}
        self._connections: set[asyncio.Task[None]] = set()
        store.admit[SERVICES] = self._admit

    def _admit(self, service: Object) -> None:
        spec = service.setdefault("spec", {})
        spec.setdefault("type", "ClusterIP")
        address = spec.setdefault("clusterIP", self._network.service())
        spec |= {"clusterIPs": [address], "sessionAffinity": "None"}
        for port in spec.get("ports", ()):
            port.setdefault("protocol", "TCP")
            port.setdefault("targetPort", port["port"])
        service["status"] = {"loadBalancer": {}}

    async def reconcile(self) -> None:
        """Listen for the Services that there are, and for no others."""
        services = [each for each in self._store.select(SERVICES) if each["spec"]["clusterIP"] != "None"]
        wanted = {(each["spec"]["clusterIP"], port["port"]) for each in services for port in each["spec"]["ports"]}
        for key in self._servers.keys() - wanted:
            self._servers.pop(key).close()
        for service in services:
            for port in service["spec"]["ports"]:
                await self._listen(service, port)
        self._network.publish(
            {
                f"{each['metadata']['name']}.{each['metadata']['namespace']}": each["spec"]["clusterIP"]
                for each in services
            }
        )

    async def _listen(self, service: Object, port: Object) -> None:
        key = (service["spec"]["clusterIP"], port["port"])
        if key not in self._servers:

            def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                task = self._tasks.create_task(self._serve(service, port, reader, writer))
                self._connections.add(task)
                task.add_done_callback(self._connections.discard)

            self._servers[key] = await asyncio.start_server(accepted, *key)

    async def _serve(
        self, service: Object, port: Object, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        try:
            target = random.choice(self._endpoints(service, port))
            to_pod = await asyncio.open_connection(*target)
        except (IndexError, OSError):  # no pod is ready, or it has just died: the connection is refused
            writer.transport.abort()
            return
        await asyncio.gather(_pump(reader, to_pod[1]), _pump(to_pod[0], writer))

    def _endpoints(self, service: Object, port: Object) -> list[tuple[str, int]]:
        spec = self._store.get(SERVICES, service["metadata"]["namespace"], service["metadata"]["name"])["spec"]
        found = []
        for pod in self._store.select(PODS, service["metadata"]["namespace"]):
            labels = pod["metadata"].get("labels", {})
            if spec.get("selector") and matches(labels, spec["selector"]) and is_ready(pod):
                target = named_port(pod, port["targetPort"])
                found += [(pod["status"]["podIP"], target)] if target else []
        return found

    def stop(self) -> None:
        """Close all sockets."""
        for server in self._servers.values():
            server.close()
        for task in self._connections:
            task.cancel()


def is_ready(pod: Object) -> bool:
    """Whether a pod takes part in its Services."""
    conditions = {each["type"]: each["status"] for each in pod.get("status", {}).get("conditions", ())}
    return conditions.get("Ready") == "True" and "deletionTimestamp" not in pod["metadata"]


def named_port(pod: Object, port: int | str) -> int | None:
    """The number of a port of a pod, where it has one of this name."""
    if isinstance(port, int) or port.isdigit():
        return int(port)
    ports = (each for container in pod["spec"]["containers"] for each in container.get("ports", ()))
    return next((each["containerPort"] for each in ports if each.get("name") == port), None)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(256 * 1024):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass  # a dead pod's connections end
    finally:
        writer.close()
