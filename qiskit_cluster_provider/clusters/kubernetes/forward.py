"""A port on this machine's loopback that leads to a Service, as with ``kubectl port-forward``, and ends in time.

dask-kubernetes starts a thread for each port-forward, and the threads outlive the cluster. These end with it. When a
connection is cut, the next one leads to whichever pod is ready then.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import threading
from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import Any

import httpx_ws
import kr8s

from ...errors import ClusterConnectionError
from .api import ANSWER_WITHIN, RIGHTS_FILE, logged_in, refused_forward, translated

_OPEN_WITHIN = 3 * ANSWER_WITHIN


class Forward:
    """Forwards ``localhost:port`` to a port of a Service's pods.

    Args:
        namespace: The namespace of the Service.
        service: The name of the Service.
        remote_port: The port of the pods.
        rights_file: The file that grants the right to forward, for the errors.

    Attributes:
        port: The port on this machine.

    Raises:
        ClusterApiError: Kubernetes does not answer, or refuses.
    """

    def __init__(self, namespace: str, service: str, remote_port: int, rights_file: str = RIGHTS_FILE) -> None:
        self.port = 0
        self._where = (namespace, service, remote_port)
        self._rights_file = rights_file
        self._error: BaseException | None = None
        self._opened = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._end: asyncio.Event | None = None
        name = f"port-forward {namespace}/{service}:{remote_port}"
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()
        if not self._opened.wait(_OPEN_WITHIN):
            self._error = TimeoutError(f"no port after {_OPEN_WITHIN:g} s")
        if self._error is not None:
            self.close()
            if isinstance(self._error, TimeoutError):
                raise ClusterConnectionError(f"{name}: {self._error}.") from self._error
            raise translated(self._error, "", rights_file) from self._error

    def close(self) -> None:
        """End the forward, with its connections and its thread."""
        if self._loop is not None and self._end is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(timeout=ANSWER_WITHIN)

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except Exception as error:
            self._error = error
        finally:
            self._opened.set()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._loop.set_exception_handler(_note)
        self._end = asyncio.Event()
        namespace, name, remote_port = self._where
        client = await logged_in()
        service: Any = await kr8s.asyncio.objects.Service.get(name, namespace=namespace, api=client)
        await _check_let_in(client, service, remote_port, self._rights_file)
        async with AsyncExitStack() as stack:
            self.port = await _listening(service, remote_port, stack)
            self._opened.set()
            await self._end.wait()
            for task in asyncio.all_tasks() - {asyncio.current_task()}:
                task.cancel()


async def _check_let_in(client: Any, service: Any, remote_port: int, rights_file: str) -> None:
    """Raise the API server's refusal. kr8s would try again for ever, and the connection would hang."""
    ready = await service.async_ready_pods()
    if not ready:  # there may be one when the first connection comes
        return
    pod = ready[0]
    try:
        async with client.open_websocket(
            version=pod.version,
            url=f"{pod.endpoint}/{pod.name}/portforward",
            namespace=pod.namespace,
            params={"ports": str(remote_port)},
        ):
            pass
    except httpx_ws.WebSocketUpgradeError as error:
        status = error.response.status_code
        if 400 <= status < 500 and status not in (404, 409, 429):  # else the pod has gone, or it is a bad moment
            raise refused_forward(status, f"{pod.namespace}/{pod.name}", rights_file) from error


async def _listening(service: Any, remote_port: int, stack: AsyncExitStack) -> int:
    while True:
        try:
            return int(await stack.enter_async_context(service.portforward(remote_port, local_port="auto")))
        except OSError as error:
            # kr8s checks that nothing listens on the port, but the port may be the near end of a connection.
            if error.errno != errno.EADDRINUSE:
                raise


class Way:
    """How this process reaches the ports of a Service: inside Kubernetes by its name, outside through forwards.

    Args:
        namespace: The namespace of the Service.
        service: The name of the Service.
        forward: Whether to go through the API server; default: yes, unless this process runs in Kubernetes.
        rights_file: The file that grants the right to forward, for the errors.

    Attributes:
        outside: Whether ports are forwarded.
    """

    def __init__(
        self, namespace: str, service: str, forward: bool | None = None, rights_file: str = RIGHTS_FILE
    ) -> None:
        self.outside = is_outside(forward)
        self._rights_file = rights_file
        self._namespace = namespace
        self._service = service
        self._forwards: list[Forward] = []

    def to(self, port: int, pod_port: int) -> tuple[str, int]:
        """The host and the port that lead to ``port`` of the Service, which is ``pod_port`` of its pods.

        Raises:
            ClusterApiError: Kubernetes does not answer, or refuses.
        """
        if not self.outside:
            return f"{self._service}.{self._namespace}.svc", port
        forward = Forward(self._namespace, self._service, pod_port, self._rights_file)
        self._forwards.append(forward)
        return "localhost", forward.port

    def close(self) -> None:
        """End the forwards."""
        while self._forwards:
            self._forwards.pop().close()


def is_outside(forward: bool | None) -> bool:
    """Whether to forward ports. By default this is so unless this process runs in a pod.

    Args:
        forward: The setting ``port_forward``.
    """
    return not is_inside(os.environ) if forward is None else forward


def is_inside(environment: Mapping[str, str]) -> bool:
    """Whether a process with these environment variables runs in a pod."""
    return "KUBERNETES_SERVICE_HOST" in environment


def _note(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Log that a connection was cut. Its user notices by itself, and connects again."""
    logging.getLogger("qiskit_cluster_provider").debug(
        "port-forward: %s", context.get("message"), exc_info=context.get("exception")
    )
