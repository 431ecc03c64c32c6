"""Services: each has an address of its own, which leads to a ready pod that its selector matches."""

from __future__ import annotations

import asyncio
import random
from functools import partial

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

    async def reconcile(self) -> None:
        """Listen for the Services that have a ready pod: connections with others are refused."""
        services = [each for each in self._store.select(SERVICES) if each["spec"]["clusterIP"] != "None"]
        wanted = {
            (service["spec"]["clusterIP"], port["port"]): (service["metadata"], port)
            for service in services
            for port in service["spec"]["ports"]
            if self._endpoints(service["metadata"], port)
        }
        for key in self._servers.keys() - wanted.keys():
            self._servers.pop(key).close()
        for key in wanted.keys() - self._servers.keys():
            try:
                self._servers[key] = await asyncio.start_server(partial(self._accept, *wanted[key]), *key)
            except OSError as error:  # nobody else has this address
                raise OSError(f"port {key[1]} is taken on all addresses of this machine: ss -ltnp") from error
        names = {f"{each['metadata']['name']}.{each['metadata']['namespace']}": each for each in services}
        self._network.publish({name: each["spec"]["clusterIP"] for name, each in names.items()})

    def _accept(self, meta: Object, port: Object, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = self._tasks.create_task(self._serve(meta, port, reader, writer))
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)

    async def _serve(
        self, meta: Object, port: Object, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        try:
            from_pod, to_pod = await asyncio.open_connection(*random.choice(self._endpoints(meta, port)))
        except (IndexError, OSError):  # the last pod has just died
            writer.transport.abort()
            return
        await asyncio.gather(_pump(reader, to_pod), _pump(from_pod, writer))

    def _endpoints(self, meta: Object, port: Object) -> list[tuple[str, int]]:
        """Where the ready pods listen."""
        service = self._store.find(SERVICES, meta["namespace"], meta["name"]) or {"spec": {}}
        selector = service["spec"].get("selector")
        pods = [pod for pod in self._store.select(PODS, meta["namespace"]) if selector and is_ready(pod)]
        chosen = [pod for pod in pods if matches(pod["metadata"].get("labels", {}), selector)]
        found = [(pod["status"]["podIP"], named_port(pod, port["targetPort"])) for pod in chosen]
        return [(address, number) for address, number in found if number]

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
