"""Bytes between the client and its Dask cluster, counted where they pass."""

from __future__ import annotations

import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from distributed import LocalCluster

from qiskit_cluster_provider import ClusterProvider

from .contenders import pickled, spread
from .workloads import Workload

_SAMPLED = 20  # pickled circuits whose size is averaged


@dataclass(frozen=True)
class Bytes:
    """What a call sends and receives, for each of its experiments.

    Attributes:
        workload, call: as in :class:`.measure.Row`.
        experiments: of the call.
        sent, received: all that passed between the client and the scheduler, Dask's own messages too.
        pickled: a pickle of one experiment's circuit and options, which is what naive Dask sends.
    """

    workload: str
    call: str
    experiments: int
    sent: float
    received: float
    pickled: float


class Meter:
    """Forwards a port of loopback to a scheduler, and counts both ways."""

    def __init__(self, host: str, port: int) -> None:
        self.sent = self.received = 0
        meter = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                with socket.create_connection((host, port)) as scheduler:
                    back = threading.Thread(target=meter._pump, args=(scheduler, self.request, "received"))
                    back.start()
                    meter._pump(self.request, scheduler, "sent")
                    back.join()

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.address = f"tcp://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Meter:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _pump(self, source: socket.socket, sink: socket.socket, count: str) -> None:
        try:
            while data := source.recv(2**16):
                setattr(self, count, getattr(self, count) + len(data))  # before it arrives, and is acted upon
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # one side has gone; the other is told by its own socket


@contextmanager
def metered(cluster: LocalCluster) -> Iterator[tuple[Any, Meter]]:
    """A backend on ``cluster``, and the meter between."""
    host, port = cluster.scheduler_address.removeprefix("tcp://").split(":")
    with Meter(host, int(port)) as meter, ClusterProvider() as provider:
        yield provider.get_backend("aer-dask", address=meter.address), meter


def count(workload: Workload, backend: Any, meter: Meter, number: int) -> Iterator[Bytes]:
    """What its first call needs, and a later one. ``number`` is of a round that the cluster has not met."""
    call = workload.make(number)
    sizes = [len(pickled(call, index)) for index in spread(call.experiments, _SAMPLED)]
    for name in ("first call", "later call") if workload.again else ("",):
        meter.sent = meter.received = 0
        call.run(backend)
        sent, received = meter.sent / call.experiments, meter.received / call.experiments
        yield Bytes(workload.name, name, call.experiments, sent, received, sum(sizes) / len(sizes))
